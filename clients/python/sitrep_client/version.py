"""Which version this is; pyproject.toml and the User-Agent take it from here."""

__version__ = "0.1.0"
