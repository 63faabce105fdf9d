// How the values of a filter are said: countries by name, days as days, codes without underscores.

import { date, KINDS, spoken } from "./format.js";
import { regionName } from "./regions.js";

const REGIONS = new Intl.DisplayNames("en", { type: "region" });
const NO_REGION = REGIONS.of("ZZ"); // what browsers call codes that name none
const DAY_MS = 86400000;

// ISO 3166-3: states that are no more, which browsers do not name.
const FORMER = {
  ANHH: "Netherlands Antilles", CSHH: "Czechoslovakia", CSXX: "Serbia and Montenegro", DDDE: "East Germany", SUHH: "Soviet Union",
  VDVN: "North Vietnam", YDYE: "South Yemen", YUCS: "Yugoslavia", ZRCD: "Zaire",
};

// The English name of a country by its code; what is none stays as it is.
export function country(code) {
  try {
    const name = FORMER[code] ?? REGIONS.of(code);
    return name === NO_REGION ? code : name;
  } catch {
    return code;
  }
}

const TITLES = { admin1: "Region", q: "Words" };

// The name of a facet, a measure or a filter, as a heading.
export function title(name) {
  const text = spoken(name);
  return TITLES[name] ?? text.charAt(0).toUpperCase() + text.slice(1);
}

// Where a place is: its name and its country, which is written once where the name says it already.
export function placeName({ name, country: code }) {
  const land = code && country(code);
  const says = land && name && `, ${name}`.toLowerCase().endsWith(`, ${land}`.toLowerCase());
  return [name, !says && land].filter(Boolean).join(", ");
}

const isTime = (text) => !Number.isNaN(Date.parse(text));

export const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isTime(text);

// The day of an instant in a zone, as the API writes days.
export const dayIn = (at, zone) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(at));

// The day so many days after a day: ("2025-09-07", 1) is "2025-09-08".
export const addDays = (day, days) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);

// A value of a facet or a filter, as people read it.
export function label(name, value) {
  if (name === "kind") return KINDS[value] ?? spoken(value);
  if (/country/.test(name) && /^[A-Za-z]{2}$/.test(value)) return country(value.toUpperCase());
  if (name === "admin1") return regionName(value.toUpperCase());
  if (name === "until" && isDay(value)) return date(addDays(value, -1)); // the API's end is not in the range, the page's is
  if (name === "since" && isDay(value)) return date(value);
  if ((name === "since" || name === "until") && isTime(value)) return `${date(value, "UTC", "instant")} UTC`;
  return ["publisher", "actor", "place", "q", "id", "external_id", "programme"].includes(name) ? value : spoken(value);
}
