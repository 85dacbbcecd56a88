"""The API's answers as tools for AI assistants (Model Context Protocol)."""
