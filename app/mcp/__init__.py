"""The Model Context Protocol: read-only tools over the API, for assistants that search, count and cite events."""
