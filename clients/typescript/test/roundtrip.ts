// Tries the built client against a live server: an event of each kind, lost answers, the feed over broken streams, webhooks.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { CursorGone, Deleted, DuplicateExternalId, NotVerified, Sitrep, VersionMismatch, verify, type EventIn } from "@sitrep/client";

const url = process.env["SITREP_CHECK_URL"] ?? "";
const key = process.env["SITREP_CHECK_KEY"] ?? "";
const common = { title: "A round trip", started_at: "2025-09-08T04:00:00Z", sources: [{ publisher: "Example Wire" }] };
const events: EventIn[] = [
    { ...common, kind: "attack", detail: { munitions: [{ category: "uav_one_way_attack", launched: { low: 20, best: 24, high: 30 } }] } },
    { ...common, kind: "negotiation_round", detail: { state: "held", issues: ["prisoner_exchange"] } },
    {
        ...common,
        kind: "sanction_move",
        detail: {
            authority: { name: "European Union", type: "igo", country: "EU" },
            stage: "proposed",
            measures: [{ type: "asset_freeze", targets: [{ name: "Example Bank", schema: "Company" }] }],
        },
    },
    { ...common, kind: "security_guarantee", detail: { stage: "pledged", pledgers: { count: 26 } } },
];

// Each kind is written, found, changed and deleted, over a way on which the first answer to each call is lost.
let calls = 0;
let lossy = true;
const losing = async (request: Request): Promise<Response> => {
    const response = await fetch(request);
    calls += 1;
    if (lossy && calls % 2 === 1) throw new TypeError("fetch failed");
    return response;
};
const sitrep = new Sitrep({ url, key, fetch: losing });
const before = (await new Sitrep({ url, key }).api.GET("/v1/feed/head")).data?.head ?? "oldest";

for (const [index, event] of events.entries()) {
    const made = await sitrep.create(event);
    assert.equal(made.kind, event.kind);
    if (made.kind === "attack") assert.equal(made.detail.munitions[0]?.launched?.best, 24);
    assert.deepEqual(await sitrep.get(made.id), made);
    await assert.rejects(sitrep.patch(made.id, { tags: ["trip"] }, { ifMatch: 1 }), (error) => {
        assert(error instanceof VersionMismatch && error.uncertain && error.current === 2);
        return true;
    });
    lossy = false;
    const changed = await sitrep.patch(made.id, { status: "confirmed" }, { ifMatch: 2 });
    assert.deepEqual([changed.version, changed.status, changed.tags], [3, "confirmed", ["trip"]]);
    const held = await sitrep.upsert("desk", `a/b:${index}`, event);
    assert.equal((await sitrep.find("desk", `a/b:${index}`)).id, held.id);
    const again = { ...event, external_ids: [{ system: "desk", id: `a/b:${index}` }] };
    await assert.rejects(sitrep.create(again), (error) => error instanceof DuplicateExternalId && error.existing?.id === held.id);
    const listed = [];
    for await (const each of sitrep.events({ kind: [event.kind] }, { limit: 1 })) listed.push(each.id);
    assert.deepEqual(new Set(listed), new Set([made.id, held.id]));
    assert.equal(await sitrep.count({ kind: [event.kind] }), 2);
    calls = 0;
    lossy = true;
    await sitrep.delete(made.id, "erroneous", { ifMatch: 3 });
    const done = await sitrep.batch([{ op: "delete", id: held.id, reason: "duplicate" }, { op: "create", event }]);
    assert.deepEqual(done.results.map((each) => each.status), [204, 201]);
    lossy = false;
    await assert.rejects(sitrep.delete(made.id, "erroneous"), (error) => error instanceof Deleted && error.tombstone?.reason === "erroneous");
    calls = 0;
    lossy = true;
}
lossy = false;
const facets = await sitrep.facets({ facet: ["kind"] });
assert.deepEqual(facets.facets["kind"]?.map((each) => each.count), [1, 1, 1, 1]);
const months = await sitrep.series({ interval: "month", measure: "launched", kind: ["attack"] });
assert.equal(months.reduce((sum, row) => sum + (row.best ?? 0), 0), 24);
await assert.rejects(sitrep.count({ near: "50,30", radius_km: -1 }), /422: .*radius_km: /);

// The feed by pages, and followed while streams break in the middle of an item.
const changes = [];
for await (const item of sitrep.feed(before)) changes.push(item.id);
assert.equal(changes.length, 7 * events.length);

let [streams, pages] = [0, 0];
const breaking = async (request: Request): Promise<Response> => {
    const response = await fetch(request);
    if (response.body === null) return response;
    if (!request.url.includes("/feed/stream")) {
        pages += 1;
        if (pages !== 1) return response; // the first one breaks off within its JSON
        const broken = new TransformStream<Uint8Array, Uint8Array>({ transform: (_, to) => to.error(new TypeError("terminated")) });
        return new Response(response.body.pipeThrough(broken), response);
    }
    streams += 1;
    if (streams === 2) return new Response("", { status: 503, headers: { "retry-after": "0" } });
    let left = streams === 1 ? 700 : Infinity;
    const cut = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
            controller.enqueue(chunk.subarray(0, left));
            left -= chunk.length;
            if (left <= 0) controller.error(new TypeError("terminated"));
        },
    });
    return new Response(response.body.pipeThrough(cut), response);
};
const saved: string[] = [];
const checkpoint = { load: () => saved.at(-1), save: (cursor: string) => saved.push(cursor) };
const follower = new Sitrep({ url, key, fetch: breaking });
const seen: string[] = [];
const ending = new AbortController();
const written = changes.length;
for await (const item of follower.follow({}, { after: before, checkpoint, signal: ending.signal })) {
    seen.push(item.id);
    if (seen.length === written + 3) break; // the item in hand comes again
    if (seen.length >= written) {
        await sitrep.create({ ...common, kind: "attack", detail: {} });
        changes.push((await sitrep.api.GET("/v1/feed/head")).data?.head ?? "");
    }
}
assert.deepEqual(seen, changes);
assert(streams >= 3, `${streams} streams`);
assert.equal(saved.at(-1), changes.at(-2));
for await (const item of follower.follow({}, { checkpoint, signal: ending.signal })) {
    assert.equal(item.id, changes.at(-1));
    ending.abort(); // ends the loop
}
assert.equal(saved.at(-1), changes.at(-1));
await assert.rejects(follower.follow({}, { after: "e9-000000000001" }).next(), (error) => error instanceof CursorGone && error.oldest !== "");
await assert.rejects(new Sitrep({ url, key: "wrong" }).follow().next(), /401: /);

// Webhooks, as Node's own HMAC signs them.
const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const body = JSON.stringify({ id: "e1-000000000001", data: { title: "Київ" } });
const sign = (by: string, at: number): string =>
    `v1,${createHmac("sha256", Buffer.from(by.slice(6), "base64")).update(`e1-000000000001.${at}.${body}`).digest("base64")}`;
const now = Math.floor(Date.now() / 1000);
const headers = (at: number, ...by: string[]): Record<string, string> => ({
    "Webhook-Id": "e1-000000000001",
    "webhook-timestamp": String(at),
    "webhook-signature": by.map((each) => sign(each, at)).join(" "),
});
assert.equal((await verify({ headers: headers(now, secret), body, secret })).id, "e1-000000000001");
await verify({ headers: new Headers(headers(now, other, secret)), body: new TextEncoder().encode(body), secret });
await verify({ headers: headers(now, secret), body, secret: [other, secret] });
await verify({ headers: headers(now - 400, secret), body, secret, tolerance: 500 });
const refused: [Parameters<typeof verify>[0], RegExp][] = [
    [{ headers: headers(now, other), body, secret }, /No signature/],
    [{ headers: headers(now, secret), body: `${body} `, secret }, /No signature/],
    [{ headers: headers(now - 301, secret), body, secret }, /too old/],
    [{ headers: headers(now + 301, secret), body, secret }, /in the future/],
    [{ headers: { ...headers(now, secret), "webhook-timestamp": "soon" }, body, secret }, /not a number/],
    [{ headers: { ...headers(now, secret), "webhook-signature": "v1,* v1a,AAAA v1," }, body, secret }, /No signature/],
    [{ headers: {}, body, secret }, /webhook-id is missing/],
];
for (const [webhook, said] of refused) {
    await assert.rejects(verify({ ...webhook, now }), (error) => error instanceof NotVerified && said.test(error.message));
}
await assert.rejects(verify({ headers: headers(now, secret), body, secret: "whsec_***" }), TypeError);
