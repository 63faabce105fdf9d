"""A fixed corpus of hostile requests, sent as raw bytes to a real server: each has its 4xx, on both databases."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from calls import found, good, head_of, written

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

UNKNOWN = "0197f2a0-0000-7000-8000-000000000001"
JSON = ("content-type", "application/json")
PROBLEM = "application/problem+json"
EVENT = (
    '{"kind":"attack","title":"t","started_at":"2025-09-07T00:00:00Z","sources":[{"publisher":"p"}],"detail":{}'
    ',"tags":["hostile"]'
)
INT64 = 2**63


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Case:
    """A request, and the status that it must get."""

    status: int
    method: str
    target: str | bytes
    body: bytes | str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())
    chunked: bool = False

    def __str__(self) -> str:
        target = self.target if isinstance(self.target, str) else repr(self.target)
        return f"{self.status} {self.method} {target[:200]} {self.headers} {self.body[:200] if self.body else ''!r}"


class Wire:
    """Sends requests byte for byte, each on a connection of its own."""

    def __init__(self, api: AsyncClient) -> None:
        self.host, self.port = api.base_url.host, api.base_url.port or 80
        self.key = api.headers["authorization"]

    async def ask(self, case: Case) -> Answer:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            sending = asyncio.create_task(send(writer, self.head_of(case), as_bytes(case.body or b""), case.chunked))
            raw = await asyncio.wait_for(reader.read(), 10)
            sending.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await sending
        finally:
            writer.close()
        return parsed(raw)

    def head_of(self, case: Case) -> bytes:
        body = as_bytes(case.body or b"")
        fields = [("host", "sitrep.test"), ("authorization", self.key), ("connection", "close"), *case.headers]
        if case.chunked:
            fields.append(("transfer-encoding", "chunked"))
        elif case.body is not None:
            fields.append(("content-length", str(len(body))))
        lines = [case.method.encode() + b" " + as_bytes(case.target) + b" HTTP/1.1"]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in fields]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def send(writer: asyncio.StreamWriter, head: bytes, body: bytes, chunked: bool) -> None:
    """Write at the pace of the reader; one that hangs up is no failure."""
    with suppress(ConnectionError):
        writer.write(head)
        for start in range(0, len(body), 65536):
            part = body[start : start + 65536]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            await writer.drain()
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def parsed(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


def with_(text: str) -> str:
    """The event with more members."""
    return f"{EVENT},{text}}}"


def instead(old: str, new: str) -> str:
    """The event with a part of its text replaced."""
    assert old in EVENT
    return EVENT.replace(old, new) + "}"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def post(status: int, body: str | bytes, *headers: tuple[str, str], path: str = "/v1/events") -> Case:
    return Case(status, "POST", path, body, headers or (JSON,))


def get(status: int, target: str | bytes, *headers: tuple[str, str]) -> Case:
    return Case(status, "GET", target, None, headers)


UNREADABLE: list[str | bytes] = [
    "",
    " ",
    "{",
    '{"kind":"attack"',
    EVENT + "}}",
    EVENT + "} {}",
    EVENT + ",}",
    EVENT + "} // comment",
    EVENT.replace('"', "'") + "}",
    with_('"extra":{"a":NaN}'),
    with_('"extra":{"a":Infinity}'),
    with_('"extra":{"a":-Infinity}'),
    with_('"extra":{"a":nan}'),
    with_('"extra":{"a":01}'),
    with_('"extra":{"a":1.}'),
    with_('"extra":{"a":+1}'),
    with_('"extra":{"a":0x10}'),
    with_('"extra":{"a":True}'),
    with_('"extra":{"a":"\x00"}'),
    with_('"extra":{"a":"\x1f"}'),
    with_('"extra":{"a":"line\nbreak"}'),
    with_('"extra":{"a":"\\x41"}'),
    with_('"extra":{"a":"\\u12"}'),
    with_('"title":"again"'),
    with_('"extra":{"a":1,"a":1}'),
    with_('"extra":{"a":1,"\\u0061":1}'),
    with_('"extra":{"a":[{"b":1,"b":2}]}'),
    with_('"extra":{"a":' + nested(31) + "}"),
    with_('"extra":{"a":' + nested(10_000) + "}"),
    with_('"extra":' + '{"a":' * 10_000 + "1" + "}" * 10_000),
    "[" * 10_000,
    b"\xef\xbb\xbf" + with_('"summary":"bom"').encode(),
    with_('"summary":"utf-16"').encode("utf-16"),
    with_('"summary":"utf-16"').encode("utf-16-le"),
    with_('"summary":"utf-16"').encode("utf-16-be"),
    with_('"summary":"utf-32"').encode("utf-32-le"),
    with_('"summary":"?"').encode().replace(b"?", b"\xff"),
    with_('"summary":"?"').encode().replace(b"?", b"\xc0\x80"),
    with_('"summary":"?"').encode().replace(b"?", b"\xed\xa0\x80"),
    with_('"summary":"?"').encode().replace(b"?", b"\xf5\x80\x80\x80"),
    with_('"summary":"\u00e9"').encode("latin-1"),
]

INVALID = [
    "null",
    "7",
    "[]",
    '"text"',
    "true",
    "{}",
    with_('"summary":"\\u0000"'),
    with_('"summary":"a\\u001fb"'),
    with_('"summary":"a\\rb"'),
    instead('"t"', '"a\\nb"'),
    with_('"summary":"\x7f"'),
    with_('"summary":"\x85"'),
    with_('"summary":"\\u0085"'),
    with_('"extra":{"a\\u0000":1}'),
    with_('"extra":{"\x7f":1}'),
    with_('"summary":"\\ud800"'),
    with_('"summary":"\\udc00\\ud800"'),
    with_('"summary":"\\uD83Dx"'),
    with_('"extra":{"\\ud800":1}'),
    with_('"extra":{"a":{"b":["\\udfff"]}}'),
    with_('"\\ud800":1'),
    with_('"\\u0000":1'),
    with_('"extra":{"a":1e400}'),
    with_('"extra":{"a":-1e400}'),
    with_('"extra":{"a":1.5e999999999999}'),
    with_(f'"extra":{{"a":{INT64}}}'),
    with_(f'"extra":{{"a":{-INT64 - 1}}}'),
    with_('"extra":{"a":1' + "0" * 5000 + "}"),
    with_('"extra":{"a":"' + "x" * 17_000 + '"}'),
    with_('"extra":[]'),
    with_('"claims":[{"field":"/title","value":1e400,"source":0}]'),
    instead("{}", f'{{"munitions":[{{"category":"other","launched":{INT64}}}]}}'),
    instead("{}", '{"munitions":[{"category":"other","launched":1e400}]}'),
    instead("{}", '{"munitions":[{"category":"other","launched":1.5}]}'),
    instead("{}", '{"munitions":[{"category":"other","launched":1.0000001}]}'),
    instead("{}", '{"munitions":[{"category":"other","launched":-1}]}'),
    instead("{}", '{"munitions":[{"category":"other","launched":true}]}'),
    instead("{}", '{"munitions":[{"category":"other","launched":"3"}]}'),
    instead("{}", '{"munitions":[{"category":"other","launched":{"low":3,"high":2}}]}'),
    instead("{}", '{"munitions":[' + ",".join([f'{{"category":"other","launched":{INT64 - 1}}}'] * 2) + "]}"),
    instead("{}", '{"munitions":[' + ",".join(['{"category":"other"}'] * 1001) + "]}"),
    instead("{}", "[]"),
    instead("{}", "null"),
    instead('"t"', "null"),
    instead('"t"', "7"),
    instead('"t"', '""'),
    instead('"t"', '"' + "x" * 301 + '"'),
    instead('"attack"', '"Attack"'),
    instead('"attack"', '["attack"]'),
    instead('"attack"', '{"$ne":null}'),
    instead('"hostile"', '"UPPER"'),
    instead('"hostile"', '"a b"'),
    instead('"hostile"', '"x\\u000ay"'),
    with_('"surprise":1'),
    with_('"__proto__":{}'),
    with_('"id":"' + UNKNOWN + '"'),
    with_('"timezone":"../../etc/passwd"'),
    with_('"timezone":"localtime"'),
    with_('"locations":[{"lat":1}]'),
    with_('"locations":[{"lat":91,"lon":0,"name":"x"}]'),
    with_('"locations":[{"lat":0,"lon":-180.1,"name":"x"}]'),
    with_('"locations":[{"lat":"0","lon":"0","name":"x"}]'),
    with_('"locations":[{"country":"ZZ"}]'),
    with_('"locations":{}'),
    instead('[{"publisher":"p"}]', "[]"),
    instead('"p"', '"p","url":"javascript:alert(1)"'),
    instead('"p"', '"p","url":"http://"'),
    instead('"p"', '"p","url":"http://a b/"'),
    instead('"p"', '"' + "\ufdfa" * 60 + '"'),
    with_('"external_ids":[{"system":"s","id":"' + "\ufdfa" * 60 + '"}]'),
    with_('"external_ids":[{"system":"S","id":"1"}]'),
    with_('"external_ids":[{"system":"s","id":""}]'),
    with_('"relations":[{"type":"follows","event_id":"' + UNKNOWN + '"}]'),
    with_('"relations":[{"type":"follows","event_id":"#0"}]'),
    *(
        instead("2025-09-07T00:00:00Z", text)
        for text in (
            "0001-01-01T00:00:00+14:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "9999-12-31T23:59:59.999999Z",
            "1900-01-01T00:00:00+00:01",
            "2200-12-31T23:59:59-00:01",
            "10000-01-01T00:00:00Z",
            "-2025-01-01T00:00:00Z",
            "2025-09-07T00:00:00",
            "2025-09-07T00:00:00 03:00",
            "2025-09-07  00:00:00Z",
            "2025-09-07\u00a000:00:00Z",
            "2025-09-07",
            "2025-02-29T00:00:00Z",
            "2025-09-07T24:00:00Z",
            "2025-09-07T00:00:60Z",
            "2025-09-07T00:00:00.1234567890Z",
            "2025-09-07T00:00:00+24:00",
            "2025-09-07T00:00:00+0300",
            "\u0662\u0660\u0662\u0665-09-07T00:00:00Z",
            "1757203200",
            "",
        )
    ),
    instead('"2025-09-07T00:00:00Z"', "1757203200"),
]

BODIES = [
    *(post(400, body) for body in UNREADABLE),
    *(post(422, body) for body in INVALID),
    *(Case(422, "PUT", "/v1/events/by-external-id/s/1", body, (JSON,)) for body in INVALID[::7]),
    *(Case(400, "PUT", "/v1/events/by-external-id/s/1", body, (JSON,)) for body in UNREADABLE[::5]),
    *(post(400, body, path="/v1/events/batch") for body in UNREADABLE[::5]),
    post(422, "[]", path="/v1/events/batch"),
    post(422, '{"items":[{"op":"create","event":' + with_('"summary":"\\u0000"') + "}]}", path="/v1/events/batch"),
    post(422, '{"items":[{"op":"create","event":' + with_('"extra":{"a":1e400}') + "}]}", path="/v1/events/batch"),
    post(400, '{"items":[{"op":"create","event":' + with_('"extra":{"a":NaN}') + "}]}", path="/v1/events/batch"),
    post(422, '{"items":[{"op":"\\ud800"}]}', path="/v1/events/batch"),
    post(404, f'{{"items":[{{"op":"patch","id":"{INT64}","if_match":1,"patch":{{}}}}]}}', path="/v1/events/batch"),
    post(422, f'{{"items":[{{"op":"patch","id":"x","if_match":{INT64},"patch":{{}}}}]}}', path="/v1/events/batch"),
    Case(404, "PATCH", f"/v1/events/{UNKNOWN}", "{}", (JSON, ("if-match", '"1"'))),
    Case(400, "PATCH", f"/v1/events/{UNKNOWN}", "{", (JSON, ("if-match", '"1"'))),
]

LONG = with_('"summary":"' + "x" * 300_000 + '"')
HUGE = b'{"items":[' + b" " * 20_000_000 + b"]}"

SIZES = [
    post(413, LONG),
    Case(413, "POST", "/v1/events", LONG, (JSON,), chunked=True),
    Case(413, "PUT", "/v1/events/by-external-id/s/1", LONG, (JSON,), chunked=True),
    Case(413, "PATCH", f"/v1/events/{UNKNOWN}", LONG, (JSON, ("if-match", "*"))),
    post(413, HUGE),
    Case(413, "POST", "/v1/events", HUGE, (JSON,), chunked=True),
    post(413, HUGE, path="/v1/events/batch"),
    Case(413, "POST", "/v1/events/batch", HUGE, (JSON,), chunked=True),
    get(414, "/v1/events?q=" + "x" * 8200),
    get(414, "/v1/events/" + "x" * 8200),
    get(431, "/v1/events", ("x-long", "x" * 17_000)),
    get(431, "/v1/events", *((f"x-{n}", "x" * 100) for n in range(170))),
]

ZIPPED = gzip.compress(EVENT.encode() + b"}")

MEDIA = [
    *(
        post(415, ZIPPED, JSON, ("content-encoding", coding))
        for coding in ("gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x")
    ),
    *(
        Case(415, method, path, EVENT + "}", (("content-type", media), ("if-match", "*")))
        for method, path in (
            ("POST", "/v1/events"),
            ("PUT", f"/v1/events/{UNKNOWN}"),
            ("PUT", "/v1/events/by-external-id/s/1"),
            ("PATCH", f"/v1/events/{UNKNOWN}"),
            ("POST", "/v1/events/batch"),
        )
        for media in (
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=utf-16",
            "application/json; charset=latin-1",
            "application/jsonx",
            "application",
            "*/*",
            "",
        )
    ),
    Case(415, "POST", "/v1/events", EVENT + "}"),
    post(415, EVENT + "}", ("content-type", "application/merge-patch+json")),
]

TIMES = (
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "0000-01-01",
    "9999-12-31",
    "2025-09-07T00:00:00",
    "2025-09-07T00:00:00+03:00",
    "2025-09-07T00:00:00%2003:00",
    "2025-02-30",
    "2025-9-7",
    "20250907",
    "now",
    "1757203200",
    "%D9%A2%D9%A0%D9%A2%D9%A5-09-07",
    "2025-09-07%00",
)
INTEGERS = (
    "x",
    "",
    "1_0",
    "%201",
    "+1",
    "1%20",
    "1.0",
    "1e2",
    "0x10",
    "%EF%BC%91",
    "%D9%A1",
    "%00",
    "%ff",
    "--1",
    "9" * 20,
    str(INT64),
)
REFUSED_QUERIES = [
    *(f"limit={text}" for text in (*INTEGERS, "-1", "0", "1001", "1000000000", str(INT64 - 1), "1&limit=1")),
    *(f"{name}={text}" for name in ("killed_min", "launched_max") for text in (*INTEGERS, "1&{name}=1")),
    *(f"{name}={text}" for name in ("since", "until", "changed_since") for text in TIMES),
    "limit",
    "limit[]=1",
    "Limit=1",
    "=1",
    "foo=1",
    "%ff=1",
    "a%00b=1",
    "kind",
    "kind=",
    "kind=rumour",
    "kind=Attack",
    "kind=attack&kind=rumour",
    "kind=attack,sanction_move",
    "kind=%ff",
    "kind=%C0%80",
    "kind=%ED%A0%80",
    "kind=attack%00",
    "status=%F0%9F%92%A3",
    "munition=bomb",
    "q=%",
    "q=%zz",
    "q=%4",
    "q=%20",
    "q=%22%22",
    "q=*",
    "q=%25",
    "q=a&q=b",
    "q=a%0d%0aSet-Cookie:%20x=1",
    "place=a%0aLink:%20x",
    "tag=%7f",
    "tag=%C2%85",
    "timezone=Mars/Olympus",
    "timezone=../../etc/passwd",
    "timezone=/etc/localtime",
    "timezone=localtime",
    "timezone=UTC&timezone=UTC",
    "bbox=1,2,3",
    "bbox=1,2,3,4,5",
    "bbox=,,,",
    "bbox=a,b,c,d",
    "bbox=nan,0,1,1",
    "bbox=0,0,inf,1",
    "bbox=-1e400,0,1,1",
    "bbox=0,5,1,4",
    "bbox=-181,0,1,1",
    "bbox=0,-91,1,1",
    "bbox=1_0,0,20,1",
    "bbox=%200,0,1,1",
    "bbox=0,0,1,1&bbox=0,0,1,1",
    "near=50,30",
    "radius_km=5",
    "near=50&radius_km=5",
    "near=91,0&radius_km=5",
    "near=0,181&radius_km=5",
    "near=nan,0&radius_km=5",
    "near=0,0&radius_km=-1",
    "near=0,0&radius_km=1001",
    "near=0,0&radius_km=nan",
    "near=0,0&radius_km=inf",
    "near=0,0&radius_km=1e400",
    "near=0,0&radius_km=1_0",
    "id=x",
    "id=1",
    "id=%00",
    "id={" + UNKNOWN + "}",
    "id=urn:uuid:" + UNKNOWN,
    "id=" + UNKNOWN.replace("-", ""),
    "related_to=x",
    "external_id=nocolon",
    "external_id=:x",
    "external_id=s:",
    "sort=title",
    "sort=started_at&sort=started_at",
    "sort=-",
    "format=csv",
    "wait=1",
    "after=oldest",
    "as_of=2025-02-30",
    "as_of=2025-09-07T00:00:00",
    "as_of=2025-09-07T00:00:00+03:00",
    "as_of=9999-01-01",
    "version=1",
    "partial=true",
]
BAD_CURSORS = (
    "abc",
    "e1",
    "e1-1",
    "e1-00000000000",
    "e0-000000000000",
    "e01-000000000000",
    "E1-000000000000",
    "e-1-000000000000",
    "e1-%2B00000000000",
    "e1-000000000000%20",
    "e1-0000000000000",
    "e9999999999-000000000000",
    "e1-" + "9" * 19,
    "e1-" + "9" * 18,
    "e1-%D9%A0%D9%A000000000000",
    "%C3%A9",
    "x" * 300,
    "e1-" + "0" * 300,
)

QUERIES = [
    *(get(422, f"/v1/events?{query}") for query in REFUSED_QUERIES),
    *(get(400, f"/v1/events?cursor={text}") for text in BAD_CURSORS),
    *(get(400, f"{path}={text}") for path in ("/v1/events?as_of", "/v1/events/count?as_of") for text in BAD_CURSORS),
    *(get(400, f"/v1/events/export?as_of={text}") for text in BAD_CURSORS),
    *(get(400, f"{path}={text}") for path in ("/v1/feed?after", "/v1/feed/checkpoint?at") for text in BAD_CURSORS),
    *(get(410, f"{path}=e2-000000000000") for path in ("/v1/feed?after", "/v1/events?as_of", "/v1/feed/checkpoint?at")),
    *(get(400, f"{path}=e1-000000000999") for path in ("/v1/feed?after", "/v1/events?as_of", "/v1/feed/checkpoint?at")),
    *(get(422, f"/v1/feed?limit={text}") for text in ("0", "-1", "1001", "1_0", "%201", str(INT64))),
    *(get(422, f"/v1/feed?wait={text}") for text in ("-1", "51", "1.5", "x", "1&wait=1")),
    *(get(422, f"/v1/feed?{query}") for query in ("changed_since=2025-01-01", "as_of=2025-01-01", "sort=started_at")),
    *(
        get(422, f"/v1/feed?after={text}")
        for text in ("2025-09-07T00:00:00", "2025-09-07T00:00:00+03:00", "9999-01-01")
    ),
    *(get(422, f"/v1/feed/stream?{query}") for query in ("limit=1", "wait=1", "kind=rumour")),
    get(422, "/v1/feed/head?x=1"),
    get(422, "/v1/feed/checkpoint?limit=1"),
    *(get(422, f"/v1/events/count?{query}") for query in ("limit=1", "cursor=x", "sort=started_at", "format=csv")),
    *(
        get(422, f"/v1/events/export?{query}")
        for query in ("format=xml", "format=", "limit=1", "format=csv&format=csv")
    ),
    get(422, "/v1/kinds?x=1"),
    get(422, "/v1/kinds/attack?x=1"),
    post(422, EVENT + "}", path="/v1/events?dry_run=1"),
]

TEXTS = (
    "%00",
    "%ff",
    "%0d%0aX-Evil:1",
    "'%20OR%201=1--",
    "..%2f..%2fetc%2fpasswd",
    "%25",
    "_",
    "*",
    "null",
    "-1",
    str(INT64),
    "9" * 400,
    UNKNOWN,
    UNKNOWN.upper(),
    UNKNOWN.replace("-", ""),
    "{" + UNKNOWN + "}",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0197f2a0-0000-4000-8000-000000000001",
    UNKNOWN + "%0a",
    UNKNOWN + "%20",
    "%E2%80%AE",
    "%EF%BC%90197f2a0-0000-7000-8000-000000000001",
)

PATHS = [
    *(get(404, f"/v1/events/{text}") for text in TEXTS),
    *(get(404, f"/v1/events/{text}/revisions") for text in TEXTS),
    *(get(404, f"/v1/events/{text}?version=1") for text in TEXTS),
    *(Case(404, "DELETE", f"/v1/events/{text}?reason=legal") for text in TEXTS),
    *(Case(404, "PUT", f"/v1/events/{text}", EVENT + "}", (JSON, ("if-match", "*"))) for text in TEXTS),
    *(Case(404, "PATCH", f"/v1/events/{text}", "{}", (JSON, ("if-match", "*"))) for text in TEXTS),
    *(get(404, f"/v1/events/by-external-id/s/{text}") for text in TEXTS),
    *(get(404, f"/v1/events/by-external-id/{text}/1") for text in TEXTS),
    *(
        Case(404, "PUT", f"/v1/events/by-external-id/{address}", EVENT + "}", (JSON,))
        for address in ("s/%00", "s/a%0ab", "s/%ff", "s/%C3%28", "s/%7f", "%00/1", "S/1", "%ff/1", "s/", "s")
    ),
    *(get(404, f"/v1/kinds/{text}") for text in TEXTS),
    *(
        get(404, path)
        for path in (
            "/v1/events/",
            "/v1/events/count/",
            f"/v1/events/{UNKNOWN}/",
            f"/v1/events/{UNKNOWN}/revisions/",
            "/v1/events/by-external-id",
            "/v1/events/by-external-id/",
            "/v1/events/by-external-id/s",
            "/v1/feed/",
            "/v1/kinds/",
            "/v1",
            "/v1/",
            "/v2/events",
            "/V1/events",
            "//v1/events",
            "/v1//events",
            "/v1/./events",
            "/v1/events/../keys",
            "/v1/events;a=1",
            "/v1/events%00",
            "/v1/events%3Flimit=1",
            "/%ff",
            "/.env",
            "/wp-login.php",
        )
    ),
]

METHODS = [
    (method, path)
    for path, methods in (
        ("/v1/events", ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")),
        ("/v1/events/count", ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")),
        ("/v1/events/export", ("POST", "PUT", "DELETE")),
        ("/v1/events/batch", ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")),
        (f"/v1/events/{UNKNOWN}", ("POST", "OPTIONS")),
        (f"/v1/events/{UNKNOWN}/revisions", ("POST", "PUT", "PATCH", "DELETE")),
        ("/v1/events/by-external-id/s/1", ("POST", "PATCH", "DELETE")),
        ("/v1/feed", ("POST", "DELETE", "OPTIONS")),
        ("/v1/feed/head", ("POST",)),
        ("/v1/kinds", ("POST",)),
        ("/v1/kinds/attack", ("PUT",)),
    )
    for method in methods
]
ALLOWED = {
    "/v1/events": "GET, HEAD, POST",
    "/v1/events/batch": "POST",
    f"/v1/events/{UNKNOWN}": "DELETE, GET, HEAD, PATCH, PUT",
    "/v1/events/by-external-id/s/1": "GET, HEAD, PUT",
}

FIELDS = [
    *(
        post(400, EVENT + "}", JSON, ("idempotency-key", key))
        for key in ("", '"', '""', "x" * 256, "caf\xe9", '"a', "a\tb", '"a" "b"')
    ),
    *(
        Case(400, method, f"/v1/events/{UNKNOWN}" + query, body, (JSON, ("if-match", tag)))
        for method, query, body in (("PUT", "", EVENT + "}"), ("PATCH", "", "{}"), ("DELETE", "?reason=legal", None))
        for tag in ("1", '"1', "W/1", '"1" "2"', '*, "1"', "\xff", "")
    ),
    Case(404, "PATCH", f"/v1/events/{UNKNOWN}", "{}", (JSON, ("if-match", '"' + "9" * 400 + '"'))),
    get(400, "/v1/feed/stream", ("last-event-id", "abc")),
    get(410, "/v1/feed/stream", ("last-event-id", "e2-000000000000")),
]


@pytest.fixture
def wire(server: AsyncClient) -> Wire:
    return Wire(server)


async def misjudged(wire: Wire, cases: list[Case]) -> list[str]:
    """The cases that got another status, or a refusal in another shape."""
    wrong = []
    for case in cases:
        answer = await wire.ask(case)
        if answer.status != case.status:
            wrong.append(f"{answer.status} instead of {case}: {answer.body[:300]!r}")
        elif (fault := malformed(case, answer)) is not None:
            wrong.append(f"{fault} in {case}")
    return wrong


def malformed(case: Case, answer: Answer) -> str | None:
    """What is wrong with the shape of a refusal."""
    if answer.headers.get("content-type") != PROBLEM:
        return str(answer.headers.get("content-type"))
    if case.method == "HEAD":
        return None if answer.body == b"" else "a body"
    document = json.loads(answer.body)
    if list(document)[:5] != ["type", "title", "status", "detail", "instance"] or document["status"] != case.status:
        return f"another shape: {document}"
    if case.status == 422 and not document.get("errors"):
        return "no errors"
    return None


async def check(wire: Wire, server: AsyncClient, cases: list[Case]) -> None:
    """Every case is refused as it should be, nothing is stored, and all that reads still reads."""
    before = good(await server.get("/v1/feed/head"))

    wrong = await misjudged(wire, cases)
    assert not wrong, "\n".join(wrong)

    assert good(await server.get("/v1/feed/head")) == before
    for path in ("/v1/feed", "/v1/events", "/v1/events/export", "/v1/events/count"):
        assert (await server.get(path)).status_code == 200


async def test_bodies_that_cannot_be_read_or_are_invalid(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, BODIES)


async def test_bodies_addresses_and_header_fields_that_are_too_large(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, SIZES)


async def test_media_types_and_codings_that_are_not_spoken(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, MEDIA)


async def test_queries_that_no_call_takes(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, QUERIES)


async def test_paths_that_lead_nowhere(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, PATHS)


async def test_header_fields_that_cannot_be_read(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, FIELDS)


async def test_methods_that_a_path_does_not_have(wire: Wire, server: AsyncClient) -> None:
    await check(wire, server, [Case(405, method, path) for method, path in METHODS])

    for method, path in METHODS:
        answer = await wire.ask(Case(405, method, path))
        assert answer.headers["allow"] == ALLOWED.get(path, "GET, HEAD"), path


async def test_a_refusal_never_echoes_what_was_sent(wire: Wire, server: AsyncClient) -> None:
    marker = "7h3m4rk3r"
    for case in (
        post(422, instead('"t"', f'{{"x":"{marker}"}}')),
        post(422, instead('"attack"', f'"{marker}"')),
        post(422, with_(f'"timezone":"{marker}"')),
        post(400, marker),
        get(422, f"/v1/events?kind={marker}"),
        get(422, f"/v1/events?since={marker}"),
        get(400, f"/v1/events?cursor={marker}"),
        get(404, f"/v1/events/{marker}"),
        get(404, f"/{marker}"),
        post(415, "{}", ("content-type", f"text/{marker}")),
        post(400, EVENT + "}", JSON, ("idempotency-key", f'"{marker}')),
    ):
        answer = await wire.ask(case)
        assert answer.status == case.status
        assert marker.encode() not in answer.body, str(case)
        assert marker not in str(answer.headers), str(case)


def flipped(cursor: str) -> list[str]:
    """The cursor with each of its characters changed, left out, doubled, and cut there."""
    other = {char: "A" if char != "A" else "B" for char in cursor} | {str(n): str((n + 1) % 10) for n in range(10)}
    changed = [cursor[:n] + other[char] + cursor[n + 1 :] for n, char in enumerate(cursor)]
    shorter = [cursor[:n] + cursor[n + 1 :] for n in range(len(cursor))]
    doubled = [cursor[:n] + cursor[n] + cursor[n:] for n in range(len(cursor))]
    return sorted({*changed, *shorter, *doubled, *(cursor[:n] for n in range(1, len(cursor)))} - {cursor})


async def test_a_list_cursor_with_one_character_changed_is_malformed(
    wire: Wire, server: AsyncClient, make_event: MakeEvent
) -> None:
    event = await written(server, make_event())
    good(await server.patch(f"/v1/events/{event['id']}", json={"title": "x"}, headers={"if-match": "*"}))
    await written(server, make_event())
    for path in ("/v1/events?limit=1", f"/v1/events/{event['id']}/revisions?limit=1"):
        cursor = good(await server.get(path))["next"]
        assert len(good(await server.get(f"{path}&cursor={cursor}"))["items"]) == 1
        for text in flipped(cursor):
            assert (await server.get(f"{path}&cursor={text}")).status_code == 400, (path, text)


async def test_a_cursor_whose_last_character_has_spare_bits_has_one_spelling(
    server: AsyncClient, make_event: MakeEvent
) -> None:
    for _ in range(2):
        await written(server, make_event())
    cursor = good(await server.get("/v1/events?limit=1"))["next"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = [
        cursor[:-1] + char
        for char in alphabet
        if base64.urlsafe_b64decode(cursor[:-1] + char + "=" * (-len(cursor) % 4)) == raw
    ]

    answers = {text: (await server.get(f"/v1/events?limit=1&cursor={text}")).status_code for text in same}

    assert answers == {text: 200 if text == cursor else 400 for text in same}


async def test_a_feed_cursor_with_one_character_changed_is_a_page_or_refused(
    server: AsyncClient, make_event: MakeEvent
) -> None:
    for _ in range(2):
        await written(server, make_event())
    for path in ("/v1/feed?after", "/v1/events?as_of", "/v1/feed/checkpoint?at", "/v1/events/count?as_of"):
        for text in flipped("e1-000000000001"):
            assert (await server.get(f"{path}={text}")).status_code in {200, 400, 410}, (path, text)


async def test_a_cursor_of_another_list_is_refused(server: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(server, make_event())
    await written(server, make_event())
    good(await server.patch(f"/v1/events/{event['id']}", json={"title": "x"}, headers={"if-match": "*"}))
    listed = good(await server.get("/v1/events?limit=1&kind=attack"))["next"]
    history = good(await server.get(f"/v1/events/{event['id']}/revisions?limit=1"))["next"]

    for query in ("", "kind=sanction_move&", "kind=attack&tag=x&", "kind=attack&sort=started_at&"):
        answer = await server.get(f"/v1/events?{query}cursor={listed}")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/cursor-mismatch"), query
    assert (await server.get(f"/v1/events?kind=attack&limit=7&cursor={listed}")).status_code == 200
    assert (await server.get(f"/v1/events?cursor={history}")).status_code == 400
    assert (await server.get(f"/v1/events/{event['id']}/revisions?cursor={listed}")).status_code == 400


async def test_wildcards_and_the_operators_of_databases_are_plain_text(
    server: AsyncClient, make_event: MakeEvent
) -> None:
    place = {"name": "100%_*?", "country": "UA"}
    event = await written(
        server,
        make_event(
            title="NEAR the AND gate", locations=[place], external_ids=[{"system": "s", "id": "%_*"}], summary="not or"
        ),
    )

    for query in (
        "place=100%25_*%3F",
        "external_id=s:%25_*",
        "q=near",
        "q=AND",
        "q=NOT",
        'q="and gate"',
        "q=gat*",
        "q=near+OR+rumour",
        "q=-rumour",
    ):
        assert await found(server, query) == [event["id"]], query
    for query in (
        "place=%25",
        "place=100%25",
        "place=100%25___",
        "place=1*",
        "external_id=s:%25",
        "external_id=s:___",
        "external_id=s:*",
        "q=g_te",
        "q=ga%25e",
        "q=near+or+rumour",
        "q=-near",
        "q=near+-gate+rumour",
        "q=title:rumour",
        "q=rumour|near",
        "q=^rumour",
        "q=!rumour",
        "q=near(rumour+gate,+2)",
        'q="near\' gate"',
        "q=*ear",
        "actor=_ussia",
        "tag=%25",
    ):
        assert await found(server, query) == [], query
    for query in ("q='", "q=%5C", "q=%22", "q=(", "q=:*", "q=%26", "q=-"):
        assert (await server.get(f"/v1/events?{query}")).status_code == 422, query
    for query in (
        "q=near'",
        "q=near%5C",
        'q="near',
        "q=near(",
        "q=near:*",
        "q=near%26",
        "q=near)",
        "q=<near>",
    ):
        assert await found(server, query) == [event["id"]], query


async def test_names_are_equal_however_they_are_composed(server: AsyncClient, make_event: MakeEvent) -> None:
    composed, apart, wide = "Chi\u0219in\u0103u", "Chis\u0326ina\u0306u", "\uff2b\uff59\uff49\uff56"
    one = await written(server, make_event(locations=[{"name": composed}]))
    two = await written(server, make_event(locations=[{"name": apart.upper()}]))
    three = await written(server, make_event(locations=[{"name": wide}]))

    for name in (composed, apart, composed.upper(), apart.casefold()):
        listed = good(await server.get("/v1/events", params={"place": name, "sort": "updated_at"}))["items"]
        assert [event["id"] for event in listed] == [one["id"], two["id"]]
    assert await found(server, "place=kyiv") == [three["id"]]


async def test_no_answer_can_be_split_by_what_was_asked(wire: Wire, server: AsyncClient, make_event: MakeEvent) -> None:
    for _ in range(2):
        await written(server, make_event(tags=["a"]))

    for target in (
        b"/v1/events?limit=1&tag=a&place=a>;rel=evil,<x&place=Kyiv",
        b'/v1/events?limit=1&place="<>&place=Kyiv',
        b"/v1/events?limit=1&place=Kyiv&place=a%3E%22b&p%6Cace=%20",
    ):
        answer = await wire.ask(get(200, target))
        assert answer.status == 200
        address, _, rest = answer.headers["link"].removeprefix("<").partition(">")
        assert rest == '; rel="next"'
        assert address.isascii()
        assert not {'"', "<", " "} & set(address)
        follower = await wire.ask(get(200, address))
        assert (follower.status, len(json.loads(follower.body)["items"])) == (200, 1)


async def test_what_only_looks_hostile_is_stored_as_it_came(server: AsyncClient) -> None:
    odd: dict[str, Any] = {
        "emoji": "\U0001f4a3\U0001f1fa\U0001f1e6",
        "right to left": "\u202eabc",
        "zero width": "a\u200bb\ufeff",
        "script": "</script><img src=x onerror=alert(1)>",
        "sql": "'; DROP TABLE event; --",
        "format": "%s %d {0} ${x} {{y}}",
        "numbers": [INT64 - 1, -INT64, 0.1, 1e308, 5e-324, -0.0, 1e22],
        "": "empty key",
        "a/b~c": None,
        "NaN": "NaN",
    }
    body = json.loads(EVENT + "}") | {"extra": odd, "title": "'; DROP TABLE change; --"}

    event = await written(server, body)

    assert event["extra"] == odd
    assert good(await server.get(f"/v1/events/{event['id']}")) == event
    assert good(await server.get("/v1/feed"))["items"][0]["data"] == event
    assert await head_of(server) == "e1-000000000001"
