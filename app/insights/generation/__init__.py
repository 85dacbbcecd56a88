"""Context for a prompt, and texts that are grounded in it."""
