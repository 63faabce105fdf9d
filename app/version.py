"""The version of Sitrep that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def get_version() -> str:
    """Return the version; "0" for a copy that was never installed."""
    try:
        return version("sitrep")
    except PackageNotFoundError:
        return "0"
