"""Whether the server in this container answers /livez; the exit code says so."""

import os
import sys
from http.client import HTTPConnection, HTTPException


def answers(port: int) -> bool:
    """Ask the server on this port, without regard to any proxy."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not answers(int(os.environ.get("SITREP_PORT", "8000"))))
