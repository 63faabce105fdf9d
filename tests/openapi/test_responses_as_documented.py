"""What the server answers is what the document says: statuses, header fields, media types and shapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from described import DOCUMENT, OPERATIONS, Operation, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

# What every answer may have, and what HTTP itself brings.
GENERAL = {"content-type", "content-encoding", "content-length", "vary", "cache-control", "allow", "connection"}
JSON = ("application/json", "application/problem+json", "application/geo+json")


class Witness:
    """Calls the API and holds every answer to the document."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self.api = api
        self.seen: set[str] = set()

    async def __call__(self, name: str, status: int, path: str = "", **sent: Any) -> httpx.Response:
        """Make one call of the document; `path` fills in or goes on from its path."""
        operation = OPERATIONS[name]
        address = operation.path.partition("{")[0] + path
        answer = await self.api.request(operation.method.upper(), address, **sent)
        assert answer.status_code == status, answer.text[:300]
        hold(operation, answer)
        self.seen.add(name)
        return answer


def hold(operation: Operation, answer: httpx.Response) -> None:
    """The answer is one of those that the document tells."""
    told = operation.told["responses"][str(answer.status_code)]
    told_headers = {name.lower() for name in told.get("headers", ())}
    assert answer.headers.keys() - GENERAL - told_headers == set()
    if not answer.content:
        assert "content" not in told
        return
    media = answer.headers["content-type"].partition(";")[0]
    by_media = {name.partition(";")[0]: body for name, body in told["content"].items()}
    if media in JSON:
        assert faults(by_media[media]["schema"], answer.json()) == []


async def test_a_whole_day_of_calls_goes_as_the_document_says(
    make_app: Callable[..., Any], admin_key: str, make_event: Callable[..., dict[str, Any]]
) -> None:
    from conftest import client_of

    async with client_of(await make_app(secret_key="a key for tests only"), admin_key) as api:
        await a_whole_day(Witness(api), make_event)


async def a_whole_day(call: Witness, make_event: Callable[..., dict[str, Any]]) -> None:
    """Every call once, and most of the ways in which it may end."""
    event = make_event(external_ids=[{"system": "newsroom", "id": "a/b"}])
    once = {"Idempotency-Key": "k1"}

    made = await call("create_event", 201, json=event, headers=once)
    await call("create_event", 201, json=event, headers=once)
    await call("create_event", 422, json=make_event(title="Another"), headers=once)
    await call("create_event", 409, json=event)
    await call("create_event", 400, content=b"{", headers={"content-type": "application/json"})
    await call("create_event", 415, content=b"{}", headers={"content-type": "text/plain"})
    await call("create_event", 422, json={"kind": "attack"})
    id_ = made.json()["id"]
    await call("list_events", 200)
    listed = await call("list_events", 200, params={"limit": 1})
    await call("list_events", 304, params={"limit": 1}, headers={"If-None-Match": listed.headers["etag"]})
    await call("list_events_geojson", 200)
    await call("list_events_geojson", 422, params={"fields": "id"})
    await call("list_events_atom", 200)
    await call("list_events", 422, params={"limit": "x"})
    await call("list_events", 400, params={"cursor": "x"})
    await call("list_events", 400, params={"as_of": "e1-999999999999"})
    await call("count_events", 200)
    for form in ("ndjson", "csv", "geojson", "parquet", "geoparquet"):
        await call("export_events", 200, params={"format": form})
    counted = await call("read_series", 200, params={"group_by": "country", "measure": "killed"})
    known = {"If-None-Match": counted.headers["etag"]}
    await call("read_series", 304, params={"group_by": "country", "measure": "killed"}, headers=known)
    await call("read_series", 422, params={"interval": "hour", "since": "1900-01-01", "until": "2200-01-01"})
    await call("read_facets", 200, params={"facet": ["country", "tag"]})
    await call("read_facets", 422)
    await call("read_grid", 200, params={"zoom": 2})
    await call("read_grid", 200, params={"zoom": 12, "measure": "killed", "bbox": "170,-10,-170,80"})
    await call("read_grid", 422, params={"zoom": 13})
    for form in ("geojson", "atom"):
        kept = await call(f"get_{form}_feed", 200, f"all_month.{form}")
        await call(f"get_{form}_feed", 304, f"all_month.{form}", headers={"If-None-Match": kept.headers["etag"]})
        await call(f"get_{form}_feed", 404, f"nothing.{form}")
    await call("get_event", 200, id_)
    await call("get_event", 304, id_, headers={"If-None-Match": '"1"'})
    await call("get_event", 404, "nothing")
    await call("list_revisions", 200, f"{id_}/revisions")
    await call("find_by_external_id", 200, "newsroom/a/b")
    await call("find_by_external_id", 404, "newsroom/c")
    await call("upsert_event", 201, "newsroom/c", json=make_event(title="A second"))
    await call("upsert_event", 200, "newsroom/c", json=make_event(title="A second, renamed"))
    await call("upsert_event", 412, "newsroom/c", json=make_event(), headers={"If-None-Match": "*"})
    await call("replace_event", 428, id_, json=event)
    await call("replace_event", 412, id_, json=event, headers={"If-Match": '"7"'})
    await call("replace_event", 400, id_, json=event, headers={"If-Match": "seven"})
    await call("replace_event", 200, id_, json={**event, "title": "Renamed"}, headers={"If-Match": '"1"'})
    await call("patch_event", 200, id_, json={"status": "confirmed"}, headers={"If-Match": '"2"'})
    items = [{"op": "create", "event": make_event()}, {"op": "delete", "id": "#0", "reason": "erroneous"}]
    await call("write_batch", 200, json={"items": items[:1]}, headers={"Idempotency-Key": "k2"})
    await call("write_batch", 200, json={"items": items[:1]}, headers={"Idempotency-Key": "k2"})
    await call("write_batch", 422, json={"items": [{"op": "create", "event": {}}]})
    rows = "id,type_of_violence\n1,1\n"
    await call("import_file", 422, "ucdp_ged", content=rows)
    await call("import_file", 404, "nothing", content=rows)
    line = json.dumps({**made.json(), "id": id_[:-1] + ("0" if id_[-1] != "0" else "1"), "external_ids": []})
    await call("import_file", 200, "sitrep", content=line, params={"dry_run": "true"})
    report = await call("import_file", 200, "sitrep", content=line)
    await call("list_imports", 200)
    await call("list_imports", 400, params={"cursor": "x"})
    await call("get_import", 200, str(report.json()["id"]))
    await call("get_import", 404, "9")
    await call("undo_import", 200, f"{report.json()['id']}/undo")
    await call("undo_import", 404, "9/undo")
    await call("list_sources", 200)
    await call("delete_event", 422, id_)
    await call("delete_event", 204, id_, params={"reason": "duplicate"})
    await call("delete_event", 410, id_, params={"reason": "duplicate"})
    await call("get_event", 410, id_)
    page = await call("read_feed", 200, params={"limit": 2})
    final = await call("read_feed", 200, params={"after": page.json()["next"], "limit": 2})
    head = {"If-None-Match": final.headers["etag"]}
    await call("read_feed", 304, params={"after": page.json()["next"], "limit": 2}, headers=head)
    await call("read_feed", 400, params={"after": "e1-999999999999"})
    await call("read_feed", 410, params={"after": "e9-000000000001"})
    await call("stream_feed", 400, params={"after": "x"})
    stream = await call("read_durable_stream", 200)
    await call("read_durable_stream", 304, headers={"If-None-Match": stream.headers["etag"]})
    await call("read_durable_stream", 400, params={"offset": "x"})
    await call("read_head", 200)
    await call("read_checkpoint", 200)
    await call_subscriptions(call)
    await call("list_kinds", 200)
    for kind in ("attack", "sanction_move"):
        await call("get_kind", 200, kind)
    await call("get_kind", 404, "nothing")
    await call("get_me", 200)
    key = await call("create_key", 201, json={"name": "reader", "scopes": ["read"]})
    await call("create_key", 422, json={"name": "reader"})
    await call("list_keys", 200)
    await call("revoke_key", 204, key.json()["id"])
    await call("revoke_key", 404, "nothing")
    token = await call("create_feed_token", 201, json={"name": "reader", "expires_at": None})
    await call("create_feed_token", 422, json={})
    await call("list_feed_tokens", 200)
    await call("revoke_feed_token", 204, token.json()["id"])
    await call("revoke_feed_token", 404, "nothing")
    await call("list_audit", 200)
    await call("is_alive", 200)
    await call("is_ready", 200)
    await call("read_metrics", 200)

    assert set(OPERATIONS) - call.seen == set()


async def call_subscriptions(call: Witness) -> None:
    """Every call of subscriptions; the endpoint is a name that leads nowhere."""
    once, push = {"Idempotency-Key": "s1"}, {"url": "https://desk.example.org/sitrep"}
    wanted = {"name": "desk", "mode": "push", "filter": {"kind": "attack"}, "push": push}
    pushed = (await call("create_subscription", 201, json=wanted, headers=once)).json()["id"]
    await call("create_subscription", 201, json=wanted, headers=once)
    await call("create_subscription", 422, json={**wanted, "push": {"url": "https://127.0.0.1"}})
    await call("create_subscription", 400, json={**wanted, "start": "e1-999999999999"})
    pulled = (
        await call("create_subscription", 201, json={"name": "archive", "mode": "pull", "start": "oldest"})
    ).json()
    await call("list_subscriptions", 200)
    await call("get_subscription", 200, pushed)
    await call("get_subscription", 404, "nothing")
    await call("patch_subscription", 200, pushed, json={"status": "paused"}, headers={"If-Match": '"1"'})
    await call("patch_subscription", 412, pushed, json={"name": "x"}, headers={"If-Match": '"1"'})
    page = await call("pull_events", 200, f"{pulled['id']}/events", params={"limit": 2})
    await call("pull_events", 409, f"{pushed}/events")
    await call("ack_events", 200, f"{pulled['id']}/ack", json={"cursor": page.json()["next"]})
    await call("ack_events", 400, f"{pulled['id']}/ack", json={"cursor": "x"})
    await call("seek_subscription", 200, f"{pulled['id']}/seek", json={"to": "oldest"})
    await call("seek_subscription", 410, f"{pulled['id']}/seek", json={"to": "e9-000000000001"})
    await call("ping_subscription", 200, f"{pushed}/test")
    await call("ping_subscription", 409, f"{pulled['id']}/test")
    await call("rotate_secret", 200, f"{pushed}/rotate-secret")
    await call("list_deliveries", 200, f"{pushed}/deliveries")
    await call("retry_deliveries", 202, f"{pushed}/deliveries/retry", json={"status": "dead"})
    await call("get_delivery", 404, "nothing")
    await call("retry_delivery", 404, "nothing/retry")
    await call("list_notices", 200)
    await call("delete_subscription", 204, pulled["id"])


async def test_without_a_key_every_call_that_needs_one_answers_as_told(client: httpx.AsyncClient) -> None:
    for operation in OPERATIONS.values():
        if [choice for choice in operation.told["security"] if choice.get("bearer")]:
            path = (
                operation.path.replace("{system}", "newsroom")
                .replace("{kind}", "attack")
                .replace("{id}", "x")
                .replace("{feed}", "all_day")
            )
            answer = await client.request(operation.method.upper(), path)
            assert answer.status_code == 401
            hold(operation, answer)


async def test_a_quota_is_told_of(make_app: Callable[..., Any], admin_key: str) -> None:
    from conftest import client_of

    from app.settings import RateLimit

    limit = RateLimit(1, 60)
    async with client_of(await make_app(rate_limit=limit), admin_key) as api:
        first, second = [await api.get("/v1/me") for _ in range(2)]

    assert "ratelimit" in first.headers
    hold(OPERATIONS["get_me"], first)
    assert second.status_code == 429
    hold(OPERATIONS["get_me"], second)
    assert DOCUMENT["components"]["headers"]["RateLimit"]["description"]
