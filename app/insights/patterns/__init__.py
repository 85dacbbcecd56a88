"""Work patterns of a user."""
