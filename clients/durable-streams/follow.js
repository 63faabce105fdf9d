// Follows a stream with the published client and prints a line for each batch: its offset and the ids of its items.
// node follow.js URL false|long-poll|sse OFFSET [name=value ...]; SITREP_KEY is the key.
import { stream } from "@durable-streams/client";

const [url, mode, offset, ...pairs] = process.argv.slice(2);
const live = mode === "false" ? false : mode;
const reading = await stream({
  url,
  offset,
  live,
  params: Object.fromEntries(pairs.map((pair) => pair.split("="))),
  headers: { authorization: `Bearer ${process.env.SITREP_KEY}` },
  sseResilience: { minConnectionDuration: 0, logWarnings: true },
});
reading.subscribeJson(async (batch) => {
  console.log(JSON.stringify({ offset: batch.offset, ids: batch.items.map((item) => item.id) }));
});
await reading.closed;
