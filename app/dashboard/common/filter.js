// The filter: the page's query string, in the API's own names, so that a link to the page is a question to the API.

import { addDays, dayIn } from "./labels.js";

const INTERVALS = ["hour", "day", "week", "month", "quarter", "year"];
const HOUR_MS = 3600000;
const TOGETHER = ["near", "radius_km"];
const listeners = new Set();

// Lengths of time up to now, as the address names them: how long they are in days, and what they are called.
export const PERIODS = {
  "24h": [1, "24 h", "last 24 hours"],
  "7d": [7, "7 d", "last 7 days"],
  "30d": [30, "30 d", "last 30 days"],
  "1y": [365, "1 y", "last year"],
};

// What the API has, as the server wrote it into the page; a name that may be repeated ends with an asterisk.
const told = (name) => document.querySelector(`meta[name="${name}"]`).content.split(" ");
const NAMES = new Map(told("sitrep-filters").map((name) => [name.replace("*", ""), name.endsWith("*")]));
const MEASURES = new Set(told("sitrep-measures"));

// What concerns this page alone, and whether a value of it is one: what is drawn over time, beside which, by which interval, by
// which facet; the order of the events; how far back it looks from now, so that a link stays new.
const PAGE_ONLY = {
  period: (text) => Object.hasOwn(PERIODS, text),
  measure: (text) => MEASURES.has(text),
  compare: (text) => MEASURES.has(text) && text !== "count",
  interval: (text) => INTERVALS.includes(text),
  sort: (text) => ["started_at", "updated_at", ...MEASURES].includes(text.replace("-", "")) && text !== "count" && text !== "-count",
  group_by: (text) => NAMES.get(text) === true && !["id", "exclude", "missing"].includes(text),
};

// Links bring what is not ours (fbclid, utm_source): the API would refuse it, so it is left out.
export function pairs() {
  const given = [...new URLSearchParams(location.search)].filter(([, value]) => value !== "");
  const seen = new Set();
  const ours = given.filter(([name, value]) => {
    if (Object.hasOwn(PAGE_ONLY, name) ? !PAGE_ONLY[name](value) : !NAMES.has(name)) return false;
    const again = seen.has(name);
    seen.add(name);
    return NAMES.get(name) || !again;
  });
  const left = [
    ...(TOGETHER.every((name) => seen.has(name)) ? [] : TOGETHER),
    ...(seen.has("since") || seen.has("until") ? ["period"] : []),
  ];
  return ours.filter(([name]) => !left.includes(name));
}

// What holds for what goes on by itself, such as a feed: all but what concerns this page alone.
export const lasting = (given = pairs()) => given.filter(([name]) => !Object.hasOwn(PAGE_ONLY, name));

// What the API is asked: the same, and where a period begins now.
export function asked(given = pairs()) {
  const period = given.find(([name]) => name === "period");
  return period ? [...lasting(given), ["since", beginning(period[1])]] : lasting(given);
}

// At a whole hour or day, so that the question stays the same for so long.
function beginning(period) {
  const [days] = PERIODS[period];
  if (days > 1) return addDays(dayIn(Date.now(), zone()), -days);
  return `${new Date(Date.now() - 24 * HOUR_MS).toISOString().slice(0, 13)}:00:00Z`;
}

export const value = (name) => (name === "since" ? asked() : pairs()).find((pair) => pair[0] === name)?.[1] ?? "";

export const values = (name) => pairs().filter((pair) => pair[0] === name).map((pair) => pair[1]);

// The zone of days; UTC where the address has none, or no such one.
export function zone() {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: value("timezone") }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

// Put these names in place of what they were; an empty value takes the name away. A period and days take each other's place.
export function change(wanted) {
  const day = "since" in wanted || "until" in wanted;
  const changes = "period" in wanted ? { since: "", until: "", ...wanted }
    : day ? { since: value("since"), period: "", ...wanted }
      : wanted;
  const kept = pairs().filter(([name]) => !(name in changes));
  const added = Object.entries(changes).flatMap(([name, given]) => [given].flat().map((one) => [name, one]));
  go([...kept, ...added.filter(([, given]) => given !== "" && given !== null)]);
}

export function drop(name, given) {
  const gone = TOGETHER.includes(name) ? TOGETHER : [name];
  go(pairs().filter((pair) => !(gone.includes(pair[0]) && (pair[0] !== name || pair[1] === given))));
}

export const clear = () => go([]);

// Call the listener at each change; return a function that takes it away again.
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function go(next) {
  const query = new URLSearchParams(next).toString();
  if (query === new URLSearchParams(pairs()).toString()) return;
  history.pushState(null, "", query ? `?${query}` : location.pathname);
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}

addEventListener("popstate", tell);
