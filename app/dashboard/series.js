// Events over time, or a measure of them with the band from low to high; a drag along the axis chooses dates.

import { get, Refused } from "./api.js";
import { find, make } from "./dom.js";
import * as filter from "./filter.js";
import { date, number, plural, range, spoken } from "./words.js";

const INTERVALS = ["day", "week", "month", "quarter", "year"];
const MOST_BUCKETS = 1500;
const HEIGHT = 220;
const DAY = 86400;
// How far ticks may lie apart: whole days at least, as buckets do, and whole numbers.
const DAYS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 30, 60, 90, 120, 180, 365, 730, 1825, 3650, 9125, 18250, 36500].map((days) => days * DAY);
const WHOLE = Array.from({ length: 16 }, (_, n) => [1, 2, 5].map((digit) => digit * 10 ** n)).flat();
let chart = null;

export async function load(pairs) {
  const measure = filter.value("measure") || "count";
  for (const interval of INTERVALS) {
    try {
      const rows = await get("stats/series", [...pairs, ["measure", measure], ["interval", interval]]);
      if (rows.length <= MOST_BUCKETS || interval === "year") return { measure, interval, rows };
    } catch (error) {
      if (!(error instanceof Refused && error.codes.includes("too-many")) || interval === "year") throw error;
    }
  }
  return null;
}

export function show({ measure, interval, rows }) {
  const counted = measure === "count";
  const events = rows.reduce((sum, row) => sum + row.count, 0);
  const sum = (part) => rows.reduce((all, row) => all + (row[part] ?? 0), 0);
  const all = { low: sum("low"), best: sum("best"), high: sum("high") };
  const what = counted ? plural(events, "event") : `${range(all)} ${spoken(measure)} in ${plural(events, "event")}`;
  find("#series .note").textContent = `${what}, per ${interval}`;
  plot(rows, counted, measure);
  table(rows, counted, measure);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function plot(rows, counted, measure) {
  const place = find("#series .plot");
  chart?.destroy();
  chart = null;
  place.replaceChildren();
  if (!rows.length) return void place.append(make("p", { class: "nothing" }, "Nothing to draw."));
  const starts = rows.map((row) => Date.parse(row.start) / 1000);
  const parts = counted ? [rows.map((row) => row.count)] : ["high", "best", "low"].map((part) => rows.map((row) => row[part]));
  const [accent, soft, line] = [colour("--accent"), colour("--soft"), colour("--line")];
  const bars = uPlot.paths.bars({ size: [0.8, 40, 2], align: 1 });
  const stepped = uPlot.paths.stepped({ align: 1 });
  const said = (_, __, ___, n) => (n === null ? "–" : counted ? number(rows[n].count) : range(rows[n]));
  const best = { label: counted ? "Events" : spoken(measure), stroke: accent, width: counted ? 0 : 1.5, value: said };
  const series = counted
    ? [{ ...best, fill: accent, paths: bars, points: { show: false } }]
    : [edge(stepped), { ...best, paths: stepped, points: { show: rows.length < 60, size: 5 } }, edge(stepped)];
  const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  chart = new uPlot({
    width: place.clientWidth, height: HEIGHT,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), filter.value("timezone") || "UTC"),
    cursor: { drag: { x: true, y: false, setScale: false }, y: false },
    scales: { x: { range: (_, low, high) => [low, high === low ? high + DAY : high + (high - low) / rows.length] }, y: { range: (_, __, high) => [0, Math.max(high ?? 0, 1) * 1.08] } },
    axes: [{ ...axis, grid: { show: false }, incrs: DAYS, values: (_, ticks) => ticks.map(tick) }, { ...axis, size: 56, incrs: WHOLE, values: (_, ticks) => ticks.map(number) }],
    series: [{ label: "Time", value: (_, __, ___, n) => (n === null ? "–" : date(rows[n].start, filter.value("timezone"))) }, ...series],
    bands: counted ? [] : [{ series: [1, 3], fill: `color-mix(in srgb, ${accent} 22%, transparent)` }],
    hooks: { setSelect: [(drawn) => chosen(drawn, rows)] },
  }, [starts, ...parts], place);
}

// A tick of the time axis; the year where it begins, so that labels stay short.
function tick(at, n, ticks) {
  const step = (ticks[1] ?? ticks[0] + DAY) - ticks[0];
  const style = step >= 27 * DAY ? { month: "short" } : { day: "numeric", month: "short" };
  const told = (how) => new Intl.DateTimeFormat("en-GB", { timeZone: filter.value("timezone") || "UTC", ...how }).format(at * 1000);
  const year = told({ year: "numeric" });
  if (step >= 360 * DAY) return year;
  const before = n && new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", year: "numeric" }).format(ticks[n - 1] * 1000);
  return before === year ? told(style) : `${told(style)}\n${year}`;
}

const edge = (paths) => ({ label: "", paths, width: 0, points: { show: false }, class: "edge" });

function chosen(drawn, rows) {
  if (drawn.select.width < 4) return;
  const [first, last] = [drawn.select.left, drawn.select.left + drawn.select.width].map((left) => drawn.posToIdx(left));
  filter.change({ since: rows[first].start.slice(0, 10), until: rows[last].end.slice(0, 10) });
}

function table(rows, counted, measure) {
  const kept = rows.filter((row) => row.count);
  const heads = counted ? ["From", "Events"] : ["From", "Events", `${spoken(measure)}: low`, "best", "high"];
  const cells = (row) => (counted ? [row.count] : [row.count, row.low, row.best, row.high]);
  find("#series .rows").replaceChildren(
    make("table", {},
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, kept.map((row) => make("tr", { "data-start": row.start },
        make("th", { scope: "row" }, date(row.start, filter.value("timezone"))), cells(row).map((cell) => make("td", {}, number(cell))))))));
}

export function resize() {
  if (chart) chart.setSize({ width: find("#series .plot").clientWidth, height: HEIGHT });
}
