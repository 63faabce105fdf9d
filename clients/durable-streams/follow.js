// Follows a stream with the published client and prints a line for each batch: its offset and the ids of its items.
// node follow.js URL false|long-poll|sse OFFSET [name=value ...]; SITREP_KEY is the key.
import { stream } from "@durable-streams/client";

const [url, mode, from, ...pairs] = process.argv.slice(2);
const live = mode === "false" ? false : mode;
let offset = from;

async function follow() {
  const reading = await stream({
    url,
    offset,
    live,
    params: Object.fromEntries(pairs.map((pair) => pair.split("="))),
    headers: { authorization: `Bearer ${process.env.SITREP_KEY}` },
    sseResilience: { minConnectionDuration: 0 },
  });
  reading.subscribeJson(async (batch) => {
    offset = batch.offset;
    console.log(JSON.stringify({ offset, ids: batch.items.map((item) => item.id) }));
  });
  await reading.closed;
}

// The client goes on by itself when a stream ends in order. One that is cut is an error: begin again at the last offset.
for (let following = true; following; ) {
  following = false;
  await follow().catch((error) => {
    if (live === false || error.status !== undefined) throw error;
    following = true;
  });
}
