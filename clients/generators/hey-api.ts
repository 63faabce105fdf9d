// A round trip by the client that @hey-api/openapi-ts generated.
import { client } from "./generated/hey-api/client.gen.js";
import { countEvents, createEvent, deleteEvent, getEvent, listEvents, readFeed, writeBatch } from "./generated/hey-api/index.js";
import type { EventIn } from "./generated/hey-api/index.js";
import { address, attack, equal, key, negotiationRound, sanctionMove, securityGuarantee } from "./events.js";

client.setConfig({ baseUrl: address, auth: key });
const events: EventIn[] = [attack, negotiationRound, sanctionMove, securityGuarantee];

for (const event of events) {
    const made = await createEvent({ body: event, throwOnError: true });
    equal(made.data.kind, event.kind, "kind");
    const path = { id: made.data.id };
    const read = await getEvent({ path, throwOnError: true });
    equal(read.data.title, event.title, "title");
    if (read.data.kind === "sanction_move") equal(read.data.detail.measures[0]?.type, "asset_freeze", "measure");
    const listed = await listEvents({ query: { kind: [event.kind], limit: 5 }, throwOnError: true });
    equal(listed.data.items.some((item) => item.id === path.id), true, "listed");
    const gone = await deleteEvent({ path, query: { reason: "erroneous" } });
    equal(gone.response?.status, 204, "deleted");
}
const feed = await readFeed({ query: { after: "oldest", limit: 1000 }, throwOnError: true });
equal(feed.data.items.filter((item) => item.type.endsWith(".deleted")).length >= events.length, true, "deletions");
const batch = await writeBatch({ body: { items: [{ op: "create", event: attack }] }, throwOnError: true });
equal(batch.data.results[0]?.status, 201, "batch");
const count = await countEvents({ query: { kind: ["attack"] }, throwOnError: true });
equal(count.data.count >= 1, true, "count");
