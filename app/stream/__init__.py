"""The live stream of events."""
