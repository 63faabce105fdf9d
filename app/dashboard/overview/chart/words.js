// How buckets and groups of the chart are called.

import * as filter from "../../common/filter.js";
import { label } from "../../common/labels.js";

const LONG = {
  hour: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "short", year: "numeric" },
  year: { year: "numeric" },
};
const SHORT = {
  hour: { hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short" },
  month: { month: "short" },
  year: { year: "numeric" },
};

const format = (at, style) => new Intl.DateTimeFormat("en-GB", { timeZone: filter.zone(), ...style }).format(new Date(at));

const quarter = (at) => `Q${Math.ceil(Number(format(at, { month: "numeric" })) / 3)}`;

// A bucket by its start: 5 Sep 2025, week of 1 Sep 2025, Q3 2025.
export function bucketName({ start }, interval) {
  if (interval === "week") return `week of ${format(start, LONG.day)}`;
  if (interval === "quarter") return `${quarter(start)} ${format(start, LONG.year)}`;
  return format(start, LONG[interval]);
}

// The buckets from one to another: 5 Sep 2025 – 9 Sep 2025.
export function spanName(first, last, interval) {
  return first === last ? bucketName(first, interval) : `${bucketName(first, interval)} – ${bucketName(last, interval)}`;
}

// The two lines of a tick: the second tells what has changed since the tick before.
export function tickName(start, before, interval) {
  const style = { week: "day", quarter: "month" }[interval] ?? interval;
  const first = interval === "quarter" ? quarter(start) : format(start, SHORT[style]);
  if (interval === "year") return [first, ""];
  const wide = interval === "hour" ? SHORT.day : SHORT.year;
  const second = format(start, wide);
  return [first, before !== null && format(before, wide) === second ? "" : second];
}

// A group's value as people read it; events without any are in the group null.
export const groupName = (facet, value) => (value === null ? "without any" : label(facet, value));

// The class that gives a group its colour: kinds keep the one that they have everywhere.
export const hue = (facet, value, n) => (facet === "kind" ? `kind-${value}` : `group-${n}`);
