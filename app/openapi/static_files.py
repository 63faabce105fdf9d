"""The files that pages are made of: read once, sent with an ETag, and compressed once."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from app.compression import StaticResponse
from app.http import if_none_match

FOLDER = Path(__file__).with_name("assets")
DASHBOARD = Path(__file__).parents[1] / "dashboard"
MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ico": "image/vnd.microsoft.icon",
}

IMPORTED = re.compile(r'(?:^|[;\n}])\s*(?:import|export)\b[^;"]*\bfrom\s*"(\.[^"]+)"')


class StaticFile:
    """Some bytes of a media type."""

    def __init__(self, body: bytes, media: str) -> None:
        self.body = body
        self.media = media

    @cached_property
    def etag(self) -> str:
        """A strong name for the bytes; compressed they have another."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    @cached_property
    def response(self) -> StaticResponse:
        """The bytes as a response, which is compressed once; it has no other header fields yet."""
        return StaticResponse(Response(self.body, media_type=self.media))


async def file_response(request: Request, file: StaticFile, headers: Mapping[str, str]) -> Response:
    """The file, or 304 for those who have it."""
    etag = f'"{file.etag}"'
    told = {**headers, "etag": etag, "vary": "Accept-Encoding"}
    if if_none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=told)
    return file.response.with_headers(told)


def find_file(folder: Path, start: str = "") -> dict[str, StaticFile]:
    """Every asset of a folder by its path; what has no media type here is not served."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in MEDIA)
    return {
        start + path.relative_to(folder).as_posix(): StaticFile(path.read_bytes(), MEDIA[path.suffix]) for path in files
    }


def digest() -> str:
    """A name for this state of all the assets, which is part of their addresses."""
    told = hashlib.sha256()
    for path, file in ASSETS.items():
        told.update(f"{path} {file.etag}\n".encode())
    return told.hexdigest()[:12]


@cache
def read_page(name: str) -> str:
    """The text of a page, with places to fill in; one of the dashboard asks for all its scripts at once."""
    own = DASHBOARD / name / f"{name}.html"
    if not own.exists():
        return (FOLDER / f"{name}.html").read_text(encoding="utf-8")
    links = "".join(f'    <link rel="modulepreload" href="{{assets}}/{path}">\n' for path in find_modules(name))
    return own.read_text(encoding="utf-8").replace("  </head>", f"{links}  </head>")


def find_modules(name: str) -> list[str]:
    """The scripts that the page's first one imports, one after the other, as a browser would find them in rounds."""
    found = [f"dashboard/{name}/main.js"]
    for path in found:
        text = ASSETS[path].body.decode()
        wanted = (posixpath.normpath(posixpath.join(posixpath.dirname(path), to)) for to in IMPORTED.findall(text))
        found.extend(dict.fromkeys(other for other in wanted if other not in found))
    return found


ASSETS = {**find_file(FOLDER), **find_file(DASHBOARD, "dashboard/")}
DIGEST = digest()
