"""Version of the client, which is that of the service it is built with."""

__version__ = "0.2.0"
