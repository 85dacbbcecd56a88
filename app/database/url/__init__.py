"""PostgreSQL connection URLs."""
