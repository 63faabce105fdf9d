// Says how fresh the sources are, and above the list which of them have been silent for too long.

import { get } from "./api.js";
import { find } from "./dom.js";
import { plural } from "./words.js";

const AGAIN_MS = 60000;
const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"]];

// 3 hours; two units of each sort are worth telling, so that 90 minutes are not an hour.
function length(seconds) {
  const [size, word] = UNITS.find(([unit]) => seconds >= 2 * unit) ?? UNITS.at(-1);
  return plural(Math.floor(seconds / size), word);
}

function freshness({ name, state, freshness: { since_last_success_s: since } }) {
  return `${name} ${since === null ? state : `${length(since)} ago`}`;
}

function silence({ name, last_problem: problem, freshness: { since_last_success_s: since } }) {
  const told = since === null ? `${name} has never been taken in.` : `${name} was last taken in ${length(since)} ago.`;
  return problem ? `${told} ${problem}` : told;
}

export async function show() {
  const { items } = await get("sources").catch(() => ({ items: [] }));
  const stale = items.filter((source) => source.stale);
  find("#stale").textContent = stale.length ? `Data may be old: ${stale.map(silence).join(" ")}` : "";
  find("#stale").hidden = !stale.length;
  find("#fresh").textContent = items.length ? `Sources: ${items.map(freshness).join(", ")}` : "";
}

export function watch() {
  show();
  setInterval(() => { if (!document.hidden) show(); }, AGAIN_MS);
}
