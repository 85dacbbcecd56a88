"""The shapes on the wire. Pydantic, at the HTTP edge only."""
