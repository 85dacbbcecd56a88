"""What the service tells of its own work: metrics, logs, traces. Nothing in it is a user's."""
