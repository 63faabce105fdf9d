"""Tiles of the operator in a browser: raster tiles by a template, and archives, which are read by ranges."""

from __future__ import annotations

import base64
import json
import re
import struct
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dashboard.conftest import PATIENCE_MS, Window, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SLOW_MS = 8 * PATIENCE_MS  # software draws for WebGL, beside other tests
POLL_MS = 100
LOOKS = 200
HEADER_BYTES = 127
# How many pixels of a picture have the colour of the sea.
SEA = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, image.width, image.height);
  const sea = getComputedStyle(document.querySelector("#map .ground")).backgroundColor.match(/\\d+/g).map(Number);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += sea.every((part, n) => Math.abs(data[at + n] - part) < 2);
  return count;
}"""


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def pixel() -> bytes:
    """A picture of one opaque pixel, magenta."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">2I5B", 1, 1, 8, 2, 0, 0, 0)
    drawn = zlib.compress(b"\0\xff\0\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", drawn) + chunk(b"IEND", b"")


def stripes() -> bytes:
    """A vector tile whose lines lie so close that they leave nothing between them."""
    lines = b"".join(
        field(2, field(3, 2) + field(4, b"".join(map(varint, (9, 0, y * 2, 10, 4096 * 2, 0)))))
        for y in range(0, 4096, 2)
    )
    return field(3, field(15, 2) + field(1, b"roads") + lines + field(5, 4096))


def archive(tile: bytes, kind: int) -> bytes:
    """A PMTiles archive of one tile, the world: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md."""
    directory = b"".join(map(varint, (1, 0, 1, len(tile), 1)))
    metadata = json.dumps({"vector_layers": [{"id": "roads", "fields": {}}]}).encode()
    padding = 20_000  # the tile is beyond what is read with the header
    described, tiles = HEADER_BYTES + len(directory), HEADER_BYTES + len(directory) + len(metadata) + padding
    parts = (HEADER_BYTES, len(directory), described, len(metadata), 0, 0, tiles, len(tile), 1, 1, 1)
    world = (-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000, 0, 0, 0)
    header = struct.pack("<7sB11Q6B4iB2i", b"PMTiles", 3, *parts, 1, 1, 1, kind, 0, 0, *world)
    return header + directory + metadata + bytes(padding) + tile


@contextmanager
def host(body: bytes) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A host of one file on loopback, which gives the ranges that are asked for and notes them."""
    asked: list[tuple[str, str]] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("range", "")))
            first, last = map(int, re.findall(r"\d+", self.headers["range"]))
            part = body[first : last + 1]
            self.send_response(206)
            for name, value in (
                ("access-control-allow-origin", "*"),
                ("content-range", f"bytes {first}-{first + len(part) - 1}/{len(body)}"),
                ("content-length", str(len(part))),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def open_map(browser: Browser, url: str, prepare: Any = None) -> Window:
    """The dashboard with a map that shows tiles; what the console complains of is noted."""
    window = Window(browser.new_context(viewport={"width": 1360, "height": 900}).new_page())
    if prepare:
        prepare(window.page)
    window.page.on("console", lambda said: window.note(said.text) if said.type in {"error", "warning"} else None)
    window.page.on("pageerror", lambda error: window.note(str(error)))
    window.page.goto(url)
    expect(window.page.locator("#map .frame")).to_have_attribute("data-state", "full", timeout=SLOW_MS)
    return window


def covered(page: Page) -> None:
    """Wait until tiles leave no sea to be seen."""
    left = -1
    for _ in range(LOOKS):
        left = page.evaluate(SEA, base64.b64encode(page.locator("#map .ground").screenshot()).decode())
        if left == 0:
            return
        page.wait_for_timeout(POLL_MS)
    raise AssertionError(left)


def test_tiles_of_the_operator_are_the_background(browser: Browser, tmp_path: Path) -> None:
    asked: list[str] = []

    def prepare(page: Page) -> None:
        def answer(route: Any) -> None:
            asked.append(route.request.url)
            route.fulfill(body=pixel(), content_type="image/png", headers={"access-control-allow-origin": "*"})

        page.route("http://tiles.test:8080/**", answer)

    tiles = "http://tiles.test:8080/{z}/{x}/{y}.png"
    with serving(tmp_path, anonymous=True, SITREP_TILES_URL=tiles) as served:
        window = open_map(browser, served.url, prepare)
        expect(window.page.locator("#map .credit")).to_contain_text("Tiles: tiles.test")
        covered(window.page)
        window.close()
    assert window.wrong == []
    assert [url for url in asked if re.fullmatch(r"http://tiles\.test:8080/\d+/\d+/\d+\.png", url)]


@pytest.mark.parametrize(("kind", "tile"), [(2, pixel()), (1, stripes())], ids=["raster", "vector"])
def test_an_archive_is_read_by_ranges_and_covers_the_sea(
    browser: Browser, tmp_path: Path, kind: int, tile: bytes
) -> None:
    body = archive(tile, kind)
    with (
        host(body) as (address, asked),
        serving(tmp_path, anonymous=True, SITREP_TILES_URL=f"{address}/world.pmtiles?key=a") as served,
    ):
        window = open_map(browser, served.url)
        expect(window.page.locator("#map .credit")).to_contain_text("Tiles: 127.0.0.1")
        covered(window.page)
        window.close()
    assert window.wrong == []
    assert {path for path, _ in asked} == {"/world.pmtiles?key=a"}
    ranges = {part for _, part in asked}
    assert f"bytes={len(body) - len(tile)}-{len(body) - 1}" in ranges
    assert "" not in ranges
