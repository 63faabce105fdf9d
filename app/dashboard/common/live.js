// Follows the feed's stream by server-sent events, and goes on where it was after a break.

import { createParser } from "../vendor/eventsource-parser/index.js";
import { call, Refused } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

// Follow the changes of a filter from a cursor. `onChange(item)` gets each feed item, `onState(state)` one of connecting,
// live, reconnecting, offline; `onLost()` is called when changes may have been missed (the cursor expired): load anew.
// Return a function that ends it.
export function follow(pairs, after, { onChange, onState, onLost }) {
  const stopping = new AbortController();
  run(pairs, after, { onChange, onState, onLost, signal: stopping.signal });
  return () => stopping.abort();
}

async function run(pairs, after, { onChange, onState, onLost, signal }) {
  const place = { after };
  let wait = FIRST_WAIT_MS;
  onState("connecting");
  while (!signal.aborted) {
    try {
      const answer = await call("feed/stream", [...pairs, ["after", place.after]], { accept: "text/event-stream", signal });
      onState("live");
      wait = FIRST_WAIT_MS;
      await read(answer.body, place, onChange, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 410) return onLost();
      if (error instanceof Refused && error.status < 500 && error.status !== 429) return onState("offline");
    }
    if (signal.aborted) return;
    onState(navigator.onLine ? "reconnecting" : "offline");
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

async function read(body, place, onChange, signal) {
  const parser = createParser({
    onEvent({ id, event, data }) {
      if (id) place.after = id;
      if (event === "change" && !signal.aborted) onChange(JSON.parse(data));
    },
  });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return;
    parser.feed(value);
  }
}

// Wait, but no longer than until the network is back.
function pause(ms, signal) {
  return new Promise((resolve) => {
    const over = () => { clearTimeout(timer); removeEventListener("online", over); resolve(); };
    const timer = setTimeout(over, ms);
    addEventListener("online", over);
    signal.addEventListener("abort", over);
  });
}
