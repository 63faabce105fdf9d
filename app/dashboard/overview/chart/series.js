// Asks for a series: chooses the interval where none is given, and finds the largest groups of a facet.

import { useApi } from "../../common/hooks.js";
import { isOutage } from "../../common/panel.js";
import { useEffect, useMemo, useState } from "../../common/preact.js";

export const INTERVALS = ["hour", "day", "week", "month", "quarter", "year"];
export const GROUPS = 7;
const HOURS = { hour: 1, day: 24, week: 168, month: 730.5, quarter: 2191.5, year: 8766 };
const MOST_BUCKETS = 450;
const HOUR_MS = 3600000;

// {data, error, loading}: data is {rows, interval, measure, group, groups, others, second} - a row for each bucket as the API gives
// it, `groups` a list of {value, rows} and `others` the rows of events in none of them, or null; `second` is {measure, rows} of
// the measure to compare with, or null.
export function useSeries({ pairs, measure, compare, interval, group, revision }) {
  const [since, until] = ["since", "until"].map((name) => pairs.find((pair) => pair[0] === name)?.[1]);
  const open = !interval && !(since && until);
  const extent = useApi(open ? "stats/series" : null, [...pairs, ["interval", "quarter"]], revision);
  const span = open ? (extent.fresh ? spanOf(extent.data) : null) : Date.parse(until) - Date.parse(since);
  const [skipped, skip] = useState(0);
  const question = `${new URLSearchParams(pairs)} ${measure} ${compare} ${interval} ${group}`;
  useEffect(() => skip(0), [question]);
  const auto = span === null ? null : Math.min(finest(span) + skipped, INTERVALS.length - 1);
  const chosen = interval || (auto === null ? null : INTERVALS[auto]);

  const base = [...pairs, ["measure", measure], ["interval", chosen]];
  const own = pairs.some(([name]) => name === group);
  const ranked = useApi(group && !own ? "stats/facets" : null, [...pairs, ["facet", group], ["limit", String(GROUPS + 1)]], revision);
  const largest = ranked.fresh && group ? ranked.data.facets[group].slice(0, GROUPS) : [];
  const only = own ? base : [...base, ...largest.map(({ value }) => [group, value])];
  const ready = chosen && group && (own || largest.length);
  const total = useApi(chosen && "stats/series", base, revision);
  const grouped = useApi(ready ? "stats/series" : null, [...only, ["group_by", group]], revision);
  const partial = ready && !own && ranked.data.facets[group].length > GROUPS;
  const union = useApi(partial ? "stats/series" : null, only, revision);

  const compared = useApi(compare && chosen ? "stats/series" : null, [...pairs, ["measure", compare], ["interval", chosen]], revision);

  const answers = [
    total, ...(compare ? [compared] : []), ...(open ? [extent] : []), ...(ready ? [grouped] : []), ...(partial ? [union] : []),
    ...(group && !own ? [ranked] : []),
  ];
  const error = answers.find((one) => one.error)?.error ?? null;
  const tooMany = error?.codes?.includes("too-many");
  useEffect(() => { if (tooMany && !interval && auto < INTERVALS.length - 1) skip((before) => before + 1); }, [error]);
  const whole = total.fresh && (!ready || grouped.fresh) && (!partial || union.fresh) && (!compare || compared.fresh);
  const data = useMemo(() => whole && {
    rows: total.data, interval: chosen, measure, group,
    groups: ready ? groupsOf(grouped.data, total.data, largest.map(({ value }) => value), measure) : [],
    others: partial ? rest(total.data, union.data) : null,
    second: compare ? { measure: compare, rows: sameBuckets(total.data, compared.data) } : null,
  }, [whole, total.data, grouped.data, union.data, compared.data]);
  return { data: useLast(data, error), error: tooMany && !interval && auto < INTERVALS.length - 1 ? null : error, loading: answers.some((one) => one.loading) };
}

// The last whole answer, until a newer one is whole; none where the server refuses the question.
function useLast(data, error) {
  const [last, keep] = useState(null);
  useEffect(() => { if (data) keep(data); }, [data]);
  return data || (error && !isOutage(error) ? null : last);
}

const spanOf = (rows) => (rows.length ? Date.parse(rows.at(-1).end) - Date.parse(rows[0].start) : 0);

// The finest interval that does not draw more buckets than one can see.
function finest(span) {
  const found = INTERVALS.findIndex((one) => span / HOUR_MS / HOURS[one] <= MOST_BUCKETS);
  return found < 0 ? INTERVALS.length - 1 : found;
}

const size = (row, measure) => (measure === "count" ? row.count : row.best);

// The largest groups, each with a row for every bucket of the whole.
function groupsOf(rows, whole, wanted, measure) {
  const found = new Map();
  for (const row of rows) {
    if (wanted.length && !wanted.includes(row.group)) continue;
    if (!found.has(row.group)) found.set(row.group, new Map());
    found.get(row.group).set(row.start, row);
  }
  const sums = [...found].map(([value, byStart]) => ({ value, byStart, sum: [...byStart.values()].reduce((all, row) => all + size(row, measure), 0) }));
  return sums.sort((one, other) => other.sum - one.sum).slice(0, GROUPS)
    .map(({ value, byStart, sum }) => ({ value, sum, rows: whole.map(({ start }) => byStart.get(start) ?? ZERO) }));
}

// The rows of another question, one for each bucket of the whole.
function sameBuckets(whole, rows) {
  const found = new Map(rows.map((row) => [row.start, row]));
  return whole.map(({ start }) => found.get(start) ?? ZERO);
}

const ZERO = { count: 0, low: 0, best: 0, high: 0 };

// What is in none of the groups: the whole less the events that are in any of them.
function rest(whole, union) {
  const any = new Map(union.map((row) => [row.start, row]));
  const less = (row, part) => row[part] - (any.get(row.start)?.[part] ?? 0);
  return whole.map((row) => ({ count: less(row, "count"), low: less(row, "low"), best: less(row, "best"), high: less(row, "high") }));
}
