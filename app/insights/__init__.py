"""Insights for AI features: pure functions over what `read` returns."""
