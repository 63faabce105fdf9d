// Where everything of the chart stands: a pure function from numbers to paths and ticks.

import { hue } from "./words.js";

const [BOTTOM, TOP, CHAR] = [36, 8, 7.2];
const TICK_PX = 76;

// {left, x(n), index(px), yTicks, xTicks, paths} of the data in so many pixels; x(n) is where bucket n begins.
export function layout({ rows, measure, group, groups, others, second }, width, height) {
  const part = measure === "count" ? "count" : "best";
  const layers = groups.length
    ? [...groups.map(({ value, rows: own }, n) => [hue(group, value, n), own]), ...(others ? [["group-rest", others]] : [])]
    : [["whole", rows]];
  const heights = rows.map((row, n) => (measure !== "count" && !groups.length
    ? Math.max(row.high, second?.rows[n].high ?? 0)
    : layers.reduce((sum, [, own]) => sum + own[n][part], 0)));
  const ticks = scale(heights.reduce((most, one) => Math.max(most, one), 1));
  const left = Math.ceil(ticks.at(-1).toLocaleString("en-GB").length * CHAR) + 10;
  const [first, last] = [Date.parse(rows[0].start), Date.parse(rows.at(-1).end)];
  const starts = rows.map((row) => Date.parse(row.start));
  const x = (n) => left + ((n < starts.length ? starts[n] : last) - first) / (last - first) * (width - left);
  const y = (value) => height - BOTTOM - (value / ticks.at(-1)) * (height - BOTTOM - TOP);
  const every = Math.max(1, Math.ceil(rows.length / Math.max(1, Math.floor((width - left) / TICK_PX))));
  return {
    left, x,
    index: (px) => rows.findIndex((_, n) => px < x(n + 1) || n === rows.length - 1),
    yTicks: ticks.map((value) => ({ value, y: y(value) })),
    xTicks: rows.map((_, n) => n).filter((n) => n % every === 0),
    paths: measure !== "count" && !groups.length
      ? [...band(rows, x, y), ...(second ? band(second.rows, x, y, "-second") : [])]
      : bars(layers, rows.length, part, x, y),
  };
}

// Whole numbers from 0, four at most.
function scale(most) {
  const power = 10 ** Math.floor(Math.log10(most / 3 || 1));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((one) => one >= most / 4 && one >= 1) ?? 1;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, n) => n * step);
}

const round = (number) => Math.round(number * 10) / 10;

// A path for each layer, stacked on those before.
function bars(layers, length, part, x, y) {
  const below = new Array(length).fill(0);
  return layers.map(([id, rows]) => {
    const pieces = [];
    for (let n = 0; n < length; n += 1) {
      const size = rows[n][part];
      if (size <= 0) continue;
      const [from, to] = [x(n), x(n + 1)];
      const gap = to - from > 4 ? 1 : 0;
      pieces.push(`M${round(from)} ${round(y(below[n]))}V${round(y(below[n] + size))}H${round(Math.max(from + 0.8, to - gap))}V${round(y(below[n]))}Z`);
      below[n] += size;
    }
    return { id, d: pieces.join("") };
  });
}

// Stepped lines: the band between low and high, and the best.
function band(rows, x, y, end = "") {
  const steps = (part, order) => order.map((n) => [n, y(rows[n][part])]);
  const forth = rows.map((_, n) => n);
  const along = steps("high", forth).map(([n, at]) => `${round(x(n))} ${round(at)}H${round(x(n + 1))}`).join("L");
  const back = steps("low", [...forth].reverse()).map(([n, at]) => `${round(x(n + 1))} ${round(at)}H${round(x(n))}`).join("L");
  const best = steps("best", forth).map(([n, at]) => `${round(x(n))} ${round(at)}H${round(x(n + 1))}`).join("L");
  return [{ id: `band${end}`, d: `M${along}L${back}Z` }, { id: `line${end}`, d: `M${best}` }];
}
