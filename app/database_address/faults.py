"""What is wrong with an address, without repeating it."""

from __future__ import annotations


class AddressError(ValueError):
    """The address cannot be used; the text completes `SITREP_DATABASE_URL: ...` and holds no password."""
