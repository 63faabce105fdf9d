"""Strict reading: JSON, query strings, bodies and header fields."""

import json
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import Depends, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import JSONResponse, Response

from app.errors import Invalid, Malformed, wrap_app
from app.http import (
    body,
    if_none_match,
    parse_idempotency_key,
    parse_if_match,
    parse_json,
    prefers_gzip,
    query,
    query_pairs,
    read_query,
)


def faults(raw: bytes) -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as refusal:
        parse_json(raw)
    refusal.value.body("/requests/1").decode()
    return [(error.pointer, error.code) for error in refusal.value.errors]


class TestJson:
    @pytest.mark.parametrize("raw", [b'{"a":[1,-2.5,true,null,"\xc3\xa9"]}', b" 1 ", b'""', b"[" * 32 + b"]" * 32])
    def test_what_is_json_is_read(self, raw: bytes) -> None:
        assert parse_json(raw) == json.loads(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b" ",
            b"{",
            b"{'a':1}",
            b"[1,]",
            b"1 2",
            b"\xff",
            b'"\xc3"',
            b'"\xed\xa0\x80"',
            b"\xef\xbb\xbf{}",
            "{}".encode("utf-16"),
            "{}".encode("utf-16-le"),
            "{}".encode("utf-32"),
            b'"\x01"',
            b"\x00",
            b"NaN",
            b"[Infinity]",
            b'{"a":-Infinity}',
            b'{"a":1,"a":1}',
            b'{"a":{"b":1,"\\u0062":2}}',
            b"[" * 33 + b"]" * 33,
            b'{"a":' * 33 + b"1" + b"}" * 33,
            b"[" * 10_000,
            b"[" * 10_000 + b"]" * 10_000,
        ],
        ids=lambda raw: repr(raw[:20]),
    )
    def test_what_cannot_be_read_is_malformed(self, raw: bytes) -> None:
        with pytest.raises(Malformed):
            parse_json(raw)

    @pytest.mark.parametrize(
        ("raw", "pointer", "code"),
        [
            (b"1e400", "", "range"),
            (b'{"a":[0,-1e400]}', "/a/1", "range"),
            (b'{"a":9223372036854775808}', "/a", "range"),
            (b"[-9223372036854775809]", "/0", "range"),
            (b"[" + b"9" * 5000 + b"]", "/0", "range"),
            (b'["\\ud800"]', "/0", "surrogate"),
            (b'["\\udc00\\ud800"]', "/0", "surrogate"),
            (b'{"a":{"\\ud800":1}}', "/a", "surrogate"),
            (b'["\\u0000"]', "/0", "control-character"),
            (b'["a\\nb"]', "/0", "control-character"),
            (b'["\\u007f"]', "/0", "control-character"),
            (b'["\x7f"]', "/0", "control-character"),
            (b'["\xc2\x85"]', "/0", "control-character"),
            (b'{"\\t":1}', "", "control-character"),
            (b'{"a~/b":"\\b"}', "/a~0~1b", "control-character"),
        ],
    )
    def test_what_cannot_be_stored_is_invalid_at_its_pointer(self, raw: bytes, pointer: str, code: str) -> None:
        assert faults(raw) == [(pointer, code)]

    @pytest.mark.parametrize(
        "raw",
        [
            b"9223372036854775807",
            b"-9223372036854775808",
            b"1e308",
            b"-0",
            b'"\\\\n"',
            b'"\\ud83d\\ude00"',
            b'"\xc2\xab"',
        ],
    )
    def test_what_only_looks_suspect_is_read(self, raw: bytes) -> None:
        assert parse_json(raw) == json.loads(raw)

    def test_unreadable_comes_before_invalid(self) -> None:
        with pytest.raises(Malformed):
            parse_json(b'[1e400, "\\ud800", NaN]')

    def test_many_faults_are_told_up_to_a_hundred(self) -> None:
        assert len(faults(b"[" + b",".join([b"1e400"] * 1000) + b"]")) == 100

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
            max_leaves=20,
        )
    )
    def test_whatever_python_writes_is_read_alike_or_refused(self, value: Any) -> None:
        raw = json.dumps(value).encode()
        try:
            assert parse_json(raw) == value
        except (Malformed, Invalid) as refusal:
            refusal.body("/requests/1")

    @given(st.binary(max_size=40))
    def test_no_bytes_do_anything_else(self, raw: bytes) -> None:
        try:
            parse_json(raw)
        except (Malformed, Invalid) as refusal:
            refusal.body("/requests/1")


class Wanted(BaseModel):
    """What the tests ask for."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    kind: list[Literal["attack", "sanction_move"]] | None = None
    tag: Annotated[list[Annotated[str, Field(max_length=5)]] | None, Field()] = None
    radius_km: float | None = None
    partial: bool = False
    near: tuple[float, float] | None = None
    cursor: str | None = None
    from_: Annotated[str | None, Field(validation_alias="from")] = None

    @model_validator(mode="after")
    def _together(self) -> "Wanted":
        if self.cursor == "alone":
            raise PydanticCustomError("together", "Not alone", {"parameter": "cursor"})
        return self


def query_faults(raw: bytes) -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as refusal:
        read_query(raw, Wanted)
    refusal.value.body("/requests/1").decode()
    return [(error.parameter, error.code) for error in refusal.value.errors]


class TestQuery:
    def test_names_are_read_into_the_model(self) -> None:
        wanted = read_query(b"kind=attack&limit=7&tag=a%20b&kind=sanction_move&tag=c+d&radius_km=1.5&from=x&&", Wanted)
        assert wanted.kind == ["attack", "sanction_move"]
        assert wanted.tag == ["a b", "c d"]
        assert (wanted.limit, wanted.radius_km, wanted.from_) == (7, 1.5, "x")
        assert "cursor" not in wanted.model_fields_set

    def test_an_empty_query_takes_the_defaults(self) -> None:
        assert read_query(b"", Wanted) == Wanted()

    @pytest.mark.parametrize(
        ("raw", "parameter", "code"),
        [
            (b"lmit=1", "lmit", "unknown-parameter"),
            (b"from_=1", "from_", "unknown-parameter"),
            (b"limit=1&limit=2", "limit", "repeated"),
            (b"limit=1_0", "limit", "type"),
            (b"limit=+1", "limit", "type"),
            (b"limit=%201", "limit", "type"),
            (b"limit=1.0", "limit", "type"),
            (b"limit=%D9%A3", "limit", "type"),
            (b"limit=99999999999999999999", "limit", "type"),
            (b"limit=9999999999999999999", "limit", "range"),
            (b"limit=0", "limit", "range"),
            (b"limit=-1", "limit", "range"),
            (b"limit=1000000000", "limit", "range"),
            (b"limit=", "limit", "empty"),
            (b"limit", "limit", "empty"),
            (b"radius_km=nan", "radius_km", "type"),
            (b"radius_km=1_0", "radius_km", "type"),
            (b"partial=1", "partial", "type"),
            (b"kind=", "kind", "empty"),
            (b"kind=coup", "kind", "enum"),
            (b"tag=toolong", "tag", "too-long"),
            (b"cursor=%ff", "cursor", "encoding"),
            (b"cursor=\xff", "cursor", "encoding"),
            (b"cursor=%zz", "cursor", "encoding"),
            (b"cursor=%", "cursor", "encoding"),
            (b"%ff=1", "\ufffd", "encoding"),
            (b"cursor=%00", "cursor", "control-character"),
            (b"cursor=a%0d%0ab", "cursor", "control-character"),
            (b"cursor=alone", "cursor", "together"),
        ],
    )
    def test_a_fault_is_told_by_parameter_and_code(self, raw: bytes, parameter: str, code: str) -> None:
        assert query_faults(raw) == [(parameter, code)]

    def test_an_unknown_name_is_told_with_the_nearest(self) -> None:
        with pytest.raises(Invalid) as refusal:
            read_query(b"lmit=1", Wanted)
        assert refusal.value.errors[0].detail == "This call has no such parameter. Did you mean limit?"

    def test_a_bad_word_is_told_with_the_vocabulary(self) -> None:
        with pytest.raises(Invalid) as refusal:
            read_query(b"kind=coup", Wanted)
        assert refusal.value.errors[0].allowed == ("attack", "sanction_move")

    def test_a_long_unknown_name_is_told_in_part(self) -> None:
        assert query_faults(b"x" * 5000) == [("x" * 100, "unknown-parameter")]

    def test_every_fault_is_told(self) -> None:
        assert len(query_faults(b"limit=x&lmit=1&kind=")) == 3

    def test_pairs_keep_their_order(self) -> None:
        assert query_pairs(b"b=1&a=2=3&b=&c") == [("b", "1"), ("a", "2=3"), ("b", ""), ("c", "")]

    @given(st.binary(max_size=60))
    def test_no_bytes_do_anything_else(self, raw: bytes) -> None:
        try:
            read_query(raw, Wanted)
        except Invalid as refusal:
            refusal.body("/requests/1")


def doubled(value: object) -> list[object]:
    return [value, value]


def make_app() -> FastAPI:
    app = FastAPI()

    @app.post("/plain")
    async def plain(value: Annotated[Any, Depends(body(doubled, schema=Wanted))]) -> Response:
        return JSONResponse(value)

    @app.post("/optional")
    async def optional(value: Annotated[Any, Depends(body(doubled, schema=Wanted, optional=True))]) -> Response:
        return JSONResponse(value)

    @app.patch("/patch")
    async def patch(
        value: Annotated[
            Any, Depends(body(doubled, schema=Wanted, media=("application/merge-patch+json", "application/json")))
        ],
    ) -> Response:
        return JSONResponse(value)

    @app.get("/query")
    async def ask(wanted: Annotated[Wanted, Depends(query(Wanted))]) -> Response:
        return JSONResponse(wanted.limit)

    wrap_app(app)
    return app


@pytest.fixture
async def wired() -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app()), base_url="http://test") as client:
        yield client


class TestDependencies:
    @pytest.mark.parametrize(
        "media", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
    )
    async def test_json_is_read(self, wired: httpx.AsyncClient, media: str) -> None:
        answer = await wired.post("/plain", content=b"1", headers={"content-type": media})
        assert (answer.status_code, answer.json()) == (200, [1, 1])

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"content-type": "text/plain"},
            {"content-type": "application/json; charset=utf-16"},
            {"content-type": ";"},
        ],
    )
    async def test_another_type_is_refused(self, wired: httpx.AsyncClient, headers: dict[str, str]) -> None:
        answer = await wired.post("/plain", content=b"1", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")
        assert answer.headers["accept"] == "application/json"

    async def test_an_optional_body_may_be_absent(self, wired: httpx.AsyncClient) -> None:
        assert (await wired.post("/optional")).json() is None
        assert (await wired.post("/optional", json=2)).json() == [2, 2]

    async def test_a_required_body_may_not(self, wired: httpx.AsyncClient) -> None:
        answer = await wired.post("/plain", headers={"content-type": "application/json"})
        assert answer.status_code == 400

    async def test_a_call_may_take_two_types(self, wired: httpx.AsyncClient) -> None:
        for media in ("application/merge-patch+json", "application/json"):
            assert (await wired.patch("/patch", content=b"{}", headers={"content-type": media})).status_code == 200

    async def test_the_query_is_read(self, wired: httpx.AsyncClient) -> None:
        assert (await wired.get("/query?limit=3")).json() == 3
        assert (await wired.get("/query?limit=x")).json()["errors"] == [
            {"parameter": "limit", "code": "type", "detail": "Give an integer of at most 19 digits.", "allowed": None}
        ]

    def test_they_tell_openapi_what_they_read(self) -> None:
        assert query(Wanted).query_model is Wanted
        told = body(doubled, schema=Wanted, media=("a/b",), optional=True)
        assert (told.body_schema, told.body_media, told.body_optional) == (Wanted, ("a/b",), True)


class TestIfMatch:
    @pytest.mark.parametrize(
        ("header", "versions"),
        [
            (None, None),
            ("*", "*"),
            ('"3"', {3}),
            ('W/"3"', {3}),
            ('"3", W/"4" ,"5"', {3, 4, 5}),
            (', "3",', {3}),
            ('"abc"', set()),
            ('"03"', set()),
            ('"3.0", "2"', {2}),
            ('"99999999999999999999"', set()),
        ],
    )
    def test_tags_are_read_as_versions(self, header: str | None, versions: Any) -> None:
        assert parse_if_match(header) == versions

    @pytest.mark.parametrize("header", ["", "3", '"3', '"3" "4"', '"3",x', "*, *", "w/'3'", ",", '"3 "', '"\x01"'])
    def test_what_is_no_list_of_tags_is_malformed(self, header: str) -> None:
        with pytest.raises(Malformed):
            parse_if_match(header)


@pytest.mark.parametrize(
    ("header", "etag", "known"),
    [
        (None, '"3"', False),
        ('"3"', '"3"', True),
        ("*", '"3"', True),
        ('W/"3"', '"3"', True),
        ('"3"', 'W/"3"', True),
        ('"1", "3"', '"3"', True),
        ('"1"', '"3"', False),
        ("3", '"3"', False),
        ('"3', '"3"', False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, etag: str, known: bool) -> None:
    assert if_none_match(header, etag) is known


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("abc", "abc"),
        ('"abc"', "abc"),
        ('"a\\"b\\\\"', 'a"b\\'),
        (" a b ", "a b"),
        ("x" * 255, "x" * 255),
    ],
)
def test_an_idempotency_key_is_quoted_or_bare(header: str | None, key: str | None) -> None:
    assert parse_idempotency_key(header) == key


@pytest.mark.parametrize("header", ["", '""', '"', '"a', '"a"b', "é", "a\tb", "x" * 256, '"' + "x" * 256 + '"'])
def test_another_idempotency_key_is_malformed(header: str) -> None:
    with pytest.raises(Malformed):
        parse_idempotency_key(header)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", "prefer"),
        ("br, GZIP;q=0.5", "prefer"),
        ("x-gzip", "prefer"),
        ("*", "prefer"),
        ("deflate, *;q=.2", "prefer"),
        ("gzip; q=1.000, identity;q=0.5", "prefer"),
        ("gzip, identity;q=0", "insist"),
        ("gzip;q=0.1, *;q=0", "insist"),
        ("", None),
        ("identity", None),
        ("br, zstd", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", None),
        ("*;q=0", None),
        ("identity;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("gzipped", None),
    ],
)
def test_gzip_is_sent_to_those_who_prefer_it(header: str, wanted: str | None) -> None:
    assert prefers_gzip(header) == wanted
