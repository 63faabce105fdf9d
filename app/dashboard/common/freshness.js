// How long ago something was, how soon it is due, and how long a source has been silent.

import { plural } from "./format.js";

const UNITS = [[31557600, "year"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

// 3 hours; two units of each sort are worth telling, so that 90 minutes are not an hour.
export function duration(seconds) {
  const [size, word] = UNITS.find(([unit]) => seconds >= 2 * unit) ?? UNITS.at(-1);
  return plural(Math.floor(seconds / size), word);
}

export const ago = (seconds) => (seconds === null ? "never" : seconds < 2 ? "just now" : `${duration(seconds)} ago`);

// The same for an instant, as of now.
export const since = (instant) => (instant === null ? "never" : ago(Math.max(0, Math.floor((Date.now() - Date.parse(instant)) / 1000))));

// in 5 minutes; now where it is due or past.
export function until(instant) {
  const seconds = Math.round((Date.parse(instant) - Date.now()) / 1000);
  return seconds < 1 ? "now" : `in ${duration(seconds)}`;
}

// gdelt and ucdp: names as one says them.
export const listed = (names) => new Intl.ListFormat("en-GB", { type: "conjunction" }).format(names);

// The worst of what any of them is: stale, failing or active.
export function worst(sources) {
  if (sources.some((source) => source.stale)) return "stale";
  return sources.some((source) => source.state === "failing") ? "failing" : "active";
}

// What there is to say of all sources: which are stale, and which of the others fail; or that all is well.
export function summary(sources) {
  if (!sources.length) return "No source is set up: data comes in by imports and writes alone.";
  const stale = sources.filter((source) => source.stale);
  const failing = sources.filter((source) => !source.stale && source.state === "failing").map((source) => source.name);
  const verb = (names) => (names.length === 1 ? "is" : "are");
  const last = ({ since_last_success_s: success }) => (success === null ? "never taken in" : `taken in ${ago(success)}`);
  const others = failing.length ? `${listed(failing)} ${verb(failing)} failing` : "";
  if (!stale.length && others) return `No source is stale, but ${others}.`;
  if (!stale.length) return sources.length === 1 ? "The source is up to date." : `All ${sources.length} sources are up to date.`;
  const told = stale.map((source) => `${source.name} (${last(source.freshness)})`);
  return `${stale.length} of ${plural(sources.length, "source")} ${verb(stale)} stale: ${listed(told)}.${others && ` Of the others ${others}.`}`;
}
