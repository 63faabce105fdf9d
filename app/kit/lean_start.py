"""Makes the imports of a starting server cheaper: no rounds of the garbage collector, and no library that none uses."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import the service within this.

    The garbage collector's rounds over what imports make and keep are a sixth of a start. structlog loads Rich and with
    it Pygments, a tenth, where they are installed, for tracebacks that our logs write without them; who else imports
    Rich gets it.
    """
    gc.disable()
    try:
        if "rich" not in sys.modules:
            sys.modules["rich"] = None  # type: ignore[assignment]  # what Python documents for a module not to be found
            try:
                import structlog  # noqa: F401, PLC0415
            finally:
                del sys.modules["rich"]
        yield
    finally:
        gc.enable()
