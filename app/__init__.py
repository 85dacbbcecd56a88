"""Activity event logging: ingest, store, answer."""

from importlib.metadata import version

__version__ = version("activity-events-service")
