// A round trip by the client that orval generated with `--client fetch`; it knows paths only, so a fetch of ours adds address and key.
import { createEvent, deleteEvent, getEvent, listEvents, writeBatch } from "./generated/orval-fetch/client.js";
import type { EventIn } from "./generated/orval-fetch/client.js";
import { address, attack, equal, key, negotiationRound, sanctionMove, securityGuarantee } from "./events.js";

const plain = globalThis.fetch;
globalThis.fetch = (path, options) =>
    plain(address + String(path), { ...options, headers: { ...options?.headers, authorization: `Bearer ${key}` } });
const events: EventIn[] = [attack, negotiationRound, sanctionMove, securityGuarantee];

for (const event of events) {
    const made = await createEvent(event);
    if (made.status !== 201) throw new Error(JSON.stringify(made.data));
    equal(made.data.kind, event.kind, "kind");
    const read = await getEvent(made.data.id);
    if (read.status !== 200) throw new Error(JSON.stringify(read));
    equal(read.data.title, event.title, "title");
    if (read.data.kind === "security_guarantee") equal(read.data.detail.pledgers?.count?.best, 26, "pledgers");
    const listed = await listEvents({ kind: [event.kind], limit: 5 });
    if (listed.status !== 200) throw new Error(JSON.stringify(listed));
    equal(listed.data.items.some((item) => item.id === read.data.id), true, "listed");
    const gone = await deleteEvent(made.data.id, { reason: "erroneous" });
    equal(gone.status, 204, "deleted");
}
const batch = await writeBatch({ items: [{ op: "create", event: attack }] });
equal(batch.status === 200 && batch.data.results[0]?.status, 201, "batch");
