"""Serves one of the apps that are compared, all by Sitrep's own server: `python -m benchmarks.serve module:factory`."""

from __future__ import annotations

import sys

from app.server import serve
from app.settings import Settings

if __name__ == "__main__":
    serve(sys.argv[1], Settings())
