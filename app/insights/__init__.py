"""What AI features read and learn: pure functions over what `read` returns."""
