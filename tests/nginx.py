"""nginx for tests: Debian's, with the servers that a test gives it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from programs import PATIENCE_S, await_listener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
AROUND = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{inner}
}}
"""


@contextmanager
def proxying(folder: Path, port: int, inner: str) -> Iterator[None]:
    """Run nginx with this inside of its block `http`, which makes it listen on the port."""
    assert NGINX is not None
    file, out = folder / "nginx.conf", folder / "nginx.out"
    # nginx leaves root for the user of this name, who could not enter the test's folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    file.write_text(user + AROUND.format(folder=folder, inner=inner), encoding="utf-8")
    command = [NGINX, "-p", str(folder), "-c", str(file), "-e", str(folder / "nginx.log")]
    with out.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)  # noqa: S603 (our own configuration)
    try:
        await_listener(process, port, out)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
