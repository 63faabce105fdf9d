// Follows the feed's stream, and tells of each change; after a break it goes on where it was.

import { call, Refused } from "./api.js";
import { find } from "./dom.js";

const TEXTS = { connecting: "Connecting", live: "Live", broken: "Reconnecting", paused: "Paused", offline: "Offline" };
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

let running = null;
let paused = false;
let place = { pairs: [], after: "now" };
let tell = () => {};

export function follow(pairs, after, changed) {
  place = { pairs, after };
  tell = changed;
  restart();
}

export function toggle() {
  paused = !paused;
  restart();
  if (!paused) tell(null);
}

function restart() {
  running?.abort();
  running = new AbortController();
  if (paused) show("paused");
  else run(running.signal);
}

function show(state) {
  const button = find("#live");
  button.dataset.state = state;
  button.textContent = TEXTS[state];
  button.setAttribute("aria-label", `${TEXTS[state]}. ${state === "paused" ? "Go on" : "Pause"}`);
}

async function run(signal) {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const pairs = [...place.pairs, ["after", place.after]];
      const answer = await call("feed/stream", pairs, { accept: "text/event-stream", signal });
      show("live");
      wait = FIRST_WAIT_MS;
      await read(answer.body, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 410) return tell(null);
      if (error instanceof Refused && error.status < 500 && error.status !== 429) return show("offline");
    }
    if (signal.aborted) return;
    show(navigator.onLine ? "broken" : "offline");
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

// Blocks of `name: value` lines, parted by an empty line.
async function read(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return;
    const blocks = (held + value).split("\n\n");
    held = blocks.pop();
    for (const block of blocks) take(block);
  }
}

function take(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  if (fields.id) place.after = fields.id;
  if (fields.event === "change") tell(JSON.parse(fields.data));
}
