// How things are said: times as exact as they are known, numbers with their range, names of kinds.

export const KINDS = {
  __proto__: null,
  attack: "Attack",
  negotiation_round: "Talks",
  sanction_move: "Sanctions",
  security_guarantee: "Guarantee",
};

const MINUS = "–";

export const spoken = (word) => word.replaceAll("_", " ");

export const number = (count) => count.toLocaleString("en-GB");

export const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

// attack or talks: words as one says them.
export const or = (words) => new Intl.ListFormat("en-GB", { type: "disjunction" }).format(words);

// 810, or 810 (805–823) where the sources leave it open.
export function range({ low, best, high }) {
  return low === high ? number(best) : `${number(best)} (${number(low)}${MINUS}${number(high)})`;
}

// The sums of rows of a series.
export function sumOf(rows) {
  const sum = (part) => rows.reduce((all, row) => all + (row[part] ?? 0), 0);
  return { low: sum("low"), best: sum("best"), high: sum("high") };
}

const STYLES = {
  instant: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  month: { month: "long", year: "numeric" },
  year: { year: "numeric" },
};
const DAY = { day: "numeric", month: "short", year: "numeric" };

// What is no time stays as it is.
export function date(text, zone, precision = "day") {
  if (Number.isNaN(Date.parse(text))) return text;
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone || "UTC", ...(STYLES[precision] ?? DAY) }).format(new Date(text));
}

// When the event was, in the zone in which its source told it; an instant comes with the name of that zone.
export function when(event) {
  const [zone, precision] = [event.timezone, event.time_precision];
  const begun = date(event.started_at, zone, precision);
  const ended = event.ended_at && date(event.ended_at, zone, precision);
  const week = precision === "week" ? "week of " : "";
  const named = precision === "instant" ? ` ${zone || "UTC"}` : "";
  return week + (ended && ended !== begun ? `${begun} ${MINUS} ${ended}` : begun) + named;
}

export function total(estimates) {
  const found = estimates.filter((one) => one && [one.low, one.best, one.high].some((part) => part !== null));
  if (!found.length) return null;
  const sum = (...order) => found.reduce((all, one) => all + order.map((part) => one[part]).find((part) => part !== null), 0);
  return { low: sum("low", "best", "high"), best: sum("best", "low", "high"), high: sum("high", "best", "low") };
}

const exactly = (count) => ({ low: count, best: count, high: count });

// The measures of an event, by the rules that docs/kinds.md has.
export function measures(event) {
  const of = (measure) => event.casualties.filter((row) => row.measure === measure && !row.subgroup).map((row) => row.count);
  const fired = (part) => (event.detail.state === "carried_out" ? (event.detail.munitions ?? []).map((row) => row[part]) : []);
  const found = { killed: total(of("killed")), injured: total(of("injured")) };
  if (event.kind === "attack") Object.assign(found, { launched: total(fired("launched")), intercepted: total(fired("intercepted")) });
  if (event.kind === "negotiation_round" && event.detail.state === "held") found.rounds = exactly(event.detail.rounds_covered);
  if (event.kind === "sanction_move") {
    const targets = event.detail.measures.flatMap((measure) => measure.targets);
    found.targets_listed = total(targets.map((target) => total([target.count]) ?? exactly(1)));
  }
  if (event.kind === "security_guarantee") {
    const guarantors = event.actors.filter((actor) => actor.role === "guarantor").length;
    found.pledgers = total([event.detail.pledgers?.count]) ?? (guarantors ? exactly(guarantors) : null);
    found.personnel = total((event.detail.contributions ?? []).map((row) => row.personnel));
  }
  return Object.entries(found).filter(([, numbers]) => numbers);
}
