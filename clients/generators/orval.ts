// A round trip by the client that orval generated with its defaults, which calls by axios.
import axios from "axios";
import { createEvent, deleteEvent, getEvent, listEvents, writeBatch } from "./generated/orval/client.js";
import type { EventIn } from "./generated/orval/client.js";
import { address, attack, equal, key, negotiationRound, sanctionMove, securityGuarantee } from "./events.js";

axios.defaults.baseURL = address;
axios.defaults.headers.common.Authorization = `Bearer ${key}`;
axios.defaults.paramsSerializer = { indexes: null }; // a=1&a=2, as the document says; without, axios writes a[]=1&a[]=2
const events: EventIn[] = [attack, negotiationRound, sanctionMove, securityGuarantee];

for (const event of events) {
    const made = await createEvent(event);
    equal(made.data.kind, event.kind, "kind");
    const read = await getEvent(made.data.id);
    equal(read.data.title, event.title, "title");
    if (read.data.kind === "security_guarantee") equal(read.data.detail.pledgers?.count?.best, 26, "pledgers");
    const listed = await listEvents({ kind: [event.kind], limit: 5 });
    equal(listed.data.items.some((item) => item.id === read.data.id), true, "listed");
    const gone = await deleteEvent(made.data.id, { reason: "erroneous" });
    equal(gone.status, 204, "deleted");
}
const batch = await writeBatch({ items: [{ op: "create", event: attack }] });
equal(batch.data.results[0]?.status, 201, "batch");
