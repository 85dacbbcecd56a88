"""Periodic tasks, gauges and readiness."""
