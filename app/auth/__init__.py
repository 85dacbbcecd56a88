"""Who is asking, and what they may do: keys, user tokens, rates."""
