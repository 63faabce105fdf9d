"""Run the command line as `python -m app`."""

from __future__ import annotations

from app.cli import main

main()
