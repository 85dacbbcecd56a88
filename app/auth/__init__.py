"""Authentication and authorization: keys, user tokens, rate limits."""
