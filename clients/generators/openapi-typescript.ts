// A round trip by openapi-fetch with the types that openapi-typescript generated.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi-typescript/schema.js";
import { address, attack, equal, key, negotiationRound, sanctionMove, securityGuarantee } from "./events.js";

type EventIn = components["schemas"]["EventIn"];
const client = createClient<paths>({ baseUrl: address, headers: { authorization: `Bearer ${key}` } });
const events: EventIn[] = [attack, negotiationRound, sanctionMove, securityGuarantee];

for (const event of events) {
    const made = await client.POST("/v1/events", { body: event });
    if (made.data === undefined) throw new Error(JSON.stringify(made.error));
    equal(made.data.kind, event.kind, "kind");
    const path = { id: made.data.id };
    const read = await client.GET("/v1/events/{id}", { params: { path } });
    equal(read.data?.title, event.title, "title");
    if (read.data?.kind === "attack") equal(read.data.detail.munitions[0]?.launched?.best, 24, "launched");
    const patched = await client.PATCH("/v1/events/{id}", {
        params: { path, header: { "If-Match": '"1"' } },
        body: { status: "confirmed" },
        headers: { "content-type": "application/merge-patch+json" },
    });
    equal(patched.data?.status, "confirmed", "status");
    const listed = await client.GET("/v1/events", { params: { query: { kind: [event.kind], limit: 5 } } });
    equal(listed.data?.items.some((item) => item.id === path.id), true, "listed");
    const gone = await client.DELETE("/v1/events/{id}", { params: { path, query: { reason: "erroneous" } } });
    equal(gone.response.status, 204, "deleted");
}
const feed = await client.GET("/v1/feed", { params: { query: { after: "oldest", limit: 1000 } } });
const deleted = feed.data?.items.filter((item) => item.type.endsWith(".deleted")) ?? [];
equal(deleted.length >= events.length, true, "deletions in the feed");
const batch = await client.POST("/v1/events/batch", { body: { items: [{ op: "create", event: attack }] } });
equal(batch.data?.results[0]?.status, 201, "batch");
const refused = await client.GET("/v1/events", { params: { query: { limit: 0 } } });
equal(refused.error?.errors?.[0]?.parameter, "limit", "problem");
