"""A team that doesn't exist, whose events have something to find in them. See `fill`."""
