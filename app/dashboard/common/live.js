// Follows the feed's stream by server-sent events, and goes on where it was after a break.

import { createParser } from "../vendor/eventsource-parser/index.js";
import { call, get, Refused } from "./api.js";
import { wait } from "./wait.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const QUIET_MS = 40000; // the stream says something every 15 s; after so long without a word the connection is dead
const HOPELESS = [400, 401, 422]; // the question is wrong, or nobody gives a key: asking again would not mend it

// Follow the changes of a filter from `place.after`, or from now where that is empty; `place.after` moves on with the stream.
// `onChange(item)` gets each feed item, `onState(state, again)` one of connecting, live, reconnecting, offline, refused, `again`
// telling that the stream had been broken; `onLost()` is called when changes may have been missed, as the place is no longer
// in the log. Return a function that ends it.
export function follow(pairs, place, { onChange, onState, onLost }) {
  const stopping = new AbortController();
  run(pairs, place, { onChange, onState, onLost, signal: stopping.signal });
  return () => stopping.abort();
}

async function run(pairs, place, { onChange, onState, onLost, signal }) {
  let [pauseMs, broken] = [FIRST_WAIT_MS, false];
  onState("connecting");
  while (!signal.aborted) {
    try {
      place.after ??= (await get("feed/head", [], { signal })).head;
      await connect(pairs, place, {
        onChange,
        signal,
        onOpen: () => {
          onState("live", broken);
          [pauseMs, broken] = [FIRST_WAIT_MS, false];
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 410) {
        place.after = null;
        onLost();
        continue;
      }
      if (error instanceof Refused && HOPELESS.includes(error.status)) return onState(error.status === 401 ? "offline" : "refused");
      broken = true;
    }
    if (signal.aborted) return;
    if (!broken) { // the server ended the stream in order: ask once more before anybody is told
      broken = true;
      continue;
    }
    onState(navigator.onLine ? "reconnecting" : "offline");
    await wait(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_WAIT_MS);
  }
}

// Read one connection to its end; one that says nothing for too long, or loses its network, is given up.
async function connect(pairs, place, { onChange, onOpen, signal }) {
  const quiet = new AbortController();
  const giveUp = () => quiet.abort(new Error("The stream fell silent."));
  let watch = setTimeout(giveUp, QUIET_MS);
  addEventListener("offline", giveUp);
  try {
    const answer = await call("feed/stream", [...pairs, ["after", place.after]], {
      accept: "text/event-stream", signal: AbortSignal.any([signal, quiet.signal]),
    });
    onOpen();
    const parser = createParser({
      onEvent({ id, event, data }) {
        if (id) place.after = id;
        if (event === "change" && !signal.aborted) onChange(JSON.parse(data));
      },
    });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      clearTimeout(watch);
      watch = setTimeout(giveUp, QUIET_MS);
      parser.feed(value);
    }
  } finally {
    clearTimeout(watch);
    removeEventListener("offline", giveUp);
  }
}
