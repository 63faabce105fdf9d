// A subscription's filter: between the rows of a form, the API's JSON and words.

import { date, number, or, spoken } from "../common/format.js";
import { listed } from "../common/freshness.js";
import { label } from "../common/labels.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content.split(" ");
const REPEATED = new Set(meta("sitrep-filters").filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1)));
const MEASURES = meta("sitrep-measures");
const ARRAYS = new Set(["bbox", "near"]);

// Every name a filter may have, those that are asked for most in front.
const FIRST = ["kind", "country", "actor", "q", "since", "until"];
const KNOWN = [...meta("sitrep-filters").map((name) => name.replace("*", "")), "change"];
export const NAMES = [...FIRST, ...KNOWN.filter((name) => !FIRST.includes(name)).sort()];

export const isMeasure = (name) => MEASURES.some((measure) => name === `${measure}_min` || name === `${measure}_max`);

// Names whose values are free: no list of them is asked for.
const FREE = new Set(["bbox", "near", "radius_km", "since", "until", "id", "external_id", "related_to", "q", "exclude", "missing", "timezone", "change", "imo"]);
export const FACETS = NAMES.filter((name) => !FREE.has(name) && !isMeasure(name));

const isRepeated = (name) => REPEATED.has(name) || name === "change";
const isNumber = (name) => isMeasure(name) || name === "radius_km";

// What cannot be read as a number is sent as it is, so that the API tells what is wrong with it.
const numeric = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

// The API's object for rows of [name, value]; rows without a value are left out.
export function toDocument(rows) {
  const found = {};
  for (const [name, given] of rows) {
    const value = given.trim();
    if (!name || value === "") continue;
    if (ARRAYS.has(name)) found[name] = value.split(",").map(numeric);
    else if (isNumber(name)) found[name] = numeric(value);
    else if (isRepeated(name)) (found[name] ??= []).push(value);
    else found[name] = value;
  }
  return found;
}

// Rows of [name, value] for the API's object; the query string takes them too.
export function toRows(filter) {
  return Object.entries(filter).flatMap(([name, value]) => {
    if (ARRAYS.has(name)) return [[name, value.join(",")]];
    return [value].flat().map((one) => [name, String(one)]);
  });
}

// The merge patch that makes one object of another: names that are gone become null.
export function patchOf(before, after) {
  const gone = Object.keys(before).filter((name) => !(name in after)).map((name) => [name, null]);
  return { ...Object.fromEntries(gone), ...after };
}

const said = (name, value) => (name === "kind" ? label(name, value).toLowerCase() : label(name, String(value)));

// A day, or an instant, as people write it.
const moment = (value) => date(value, "UTC", value.length > 10 ? "instant" : "day");

const SENTENCES = {
  since: ([value]) => `from ${moment(value)}`,
  until: ([value]) => `before ${moment(value)}`,
  timezone: ([value]) => `days in ${value}`,
  q: ([value]) => `words “${value}”`,
  bbox: (values) => `inside the box ${values.join(", ")} (west, south, east, north)`,
  near: (values) => `near ${values.join(", ")}`,
  radius_km: ([value]) => `within ${value} km`,
  exclude: (values) => `not ${or(values.map((value) => value.replace(":", " ")))}`,
  missing: (values) => `without ${listed(values.map(spoken))}`,
  change: (values) => `only what was ${or(values)}`,
  related_to: (values) => `related to event ${or(values)}`,
};

function sentence(name, value) {
  const values = [value].flat();
  if (SENTENCES[name]) return SENTENCES[name](values);
  if (isMeasure(name)) return `${name.slice(0, -4)} ${name.endsWith("_min") ? "at least" : "at most"} ${typeof value === "number" ? number(value) : value}`;
  return `${spoken(name)} ${or(values.map((one) => said(name, one)))}`;
}

// The filter as one reads it aloud: kind sanctions; country Ukraine or Moldova.
export function inWords(filter) {
  const parts = Object.entries(filter).map(([name, value]) => sentence(name, value));
  return parts.length ? parts.join("; ") : "every change";
}
