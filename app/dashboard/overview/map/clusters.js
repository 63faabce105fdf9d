// What the map shows: the cells of /v1/stats/grid for the view, asked for each kind and put together.

import { get } from "../../common/api.js";
import { useAnswer, useApi } from "../../common/hooks.js";
import { useMemo, useRef } from "../../common/preact.js";
import * as mercator from "./mercator.js";

const WORLD_ZOOM = 2; // at most 256 cells, to know where all of it is
const KEPT = 60; // answers

const without = (pairs, ...names) => pairs.filter(([name]) => !names.includes(name));
const measured = (measure) => (measure === "count" ? [] : [["measure", measure]]);

// The filter narrowed to a box of the map: the reader's own box and the map's are one, or null where they have nothing in common.
export function narrowed(pairs, box) {
  const own = pairs.find(([name]) => name === "bbox");
  const shared = own && mercator.boxOf(own[1]) ? mercator.intersect(box, mercator.boxOf(own[1])) : box;
  if (shared && mercator.isWorld(shared)) return without(pairs, "bbox");
  return shared && [...without(pairs, "bbox"), ["bbox", mercator.bboxOf(shared)]];
}

// All that matches, coarsely: {cells, answer}; the first tell where to look, whatever the view.
export function useWorld(pairs, revision) {
  const answer = useApi("stats/grid", [...pairs, ["zoom", String(WORLD_ZOOM)]], revision);
  return { cells: answer.data?.cells ?? null, answer };
}

// The kinds that match, with how many events each: [[kind, count]...], most first. Facet counts leave their own filter out.
export function useKinds(pairs, revision) {
  const answer = useApi("stats/facets", [...pairs, ["facet", "kind"]], revision);
  const wanted = pairs.filter(([name]) => name === "kind").map(([, kind]) => kind);
  const found = answer.data?.facets.kind.filter(({ value, count }) => count && value !== null && (!wanted.length || wanted.includes(value)));
  const key = found && JSON.stringify(found.map(({ value, count }) => [value, count]));
  return { kinds: useMemo(() => (key ? JSON.parse(key) : null), [key]), answer };
}

// The clusters in a view, as the data of a useApi answer: one question at a time for each kind; a view that was asked about
// since the last change is not asked about again; the old clusters stay until the new ones are there.
export function useClusters(pairs, measure, kinds, view, revision) {
  const kept = useRef({ revision, cells: new Map() });
  const zoom = view && mercator.gridZoom(view.camera.zoom);
  const narrow = view && narrowed(pairs, mercator.snap(mercator.bounds(view.camera, view.size), zoom));
  const rest = [["zoom", String(zoom)], ...measured(measure)];
  const names = kinds?.map(([kind]) => kind).sort();
  if (kept.current.revision !== revision) kept.current = { revision, cells: new Map() };
  const ask = async (kind, signal) => {
    const { cells } = kept.current;
    const all = [...without(narrow, "kind"), ["kind", kind], ...rest];
    const key = new URLSearchParams(all).toString();
    const found = cells.get(key) ?? (await get("stats/grid", all, { signal })).cells;
    cells.delete(key);
    cells.set(key, found);
    if (cells.size > KEPT) cells.delete(cells.keys().next().value);
    return [kind, found];
  };
  const question = view && names ? `${new URLSearchParams([...(narrow ?? []), ...rest])} ${names}` : null;
  return useAnswer(question, async (signal) => together(await Promise.all(narrow ? names.map((kind) => ask(kind, signal)) : []), zoom, measure), revision);
}

// One cluster for each cell, of all kinds: where its events are on average, their numbers, and the share of each kind.
function together(answers, zoom, measure) {
  const found = new Map();
  for (const [kind, cells] of answers) {
    for (const [lon, lat, count, low, best, high] of cells) {
      const cell = mercator.cellOf([lon, lat], zoom);
      const key = `${zoom}/${cell}`;
      const cluster = found.get(key) ?? { key, cell, zoom, lon: 0, lat: 0, count: 0, low: 0, best: 0, high: 0, kinds: [] };
      const share = count / (cluster.count + count);
      cluster.lon += (lon - cluster.lon) * share;
      cluster.lat += (lat - cluster.lat) * share;
      cluster.count += count;
      cluster.low += low ?? 0;
      cluster.best += best ?? 0;
      cluster.high += high ?? 0;
      cluster.kinds.push([kind, measure === "count" ? count : best ?? 0]);
      found.set(key, cluster);
    }
  }
  return [...found.values()]
    .map((cluster) => ({ ...cluster, value: measure === "count" ? cluster.count : cluster.best, box: mercator.boxOfCells(cluster.cell, cluster.cell, zoom) }))
    .sort((one, other) => other.value - one.value || other.count - one.count);
}

// Where a cluster falls apart: the box around its parts, or null where all of it lies in one finest cell.
export async function parts(pairs, cluster) {
  for (let { zoom, box } = cluster; zoom < mercator.MAX_GRID;) {
    zoom = Math.min(mercator.MAX_GRID, zoom + 4);
    const question = narrowed(pairs, box);
    const cells = question ? (await get("stats/grid", [...question, ["zoom", String(zoom)]])).cells : [];
    if (cells.length > 1) return mercator.around(cells);
    if (!cells.length) return null;
    const cell = mercator.cellOf(cells[0], zoom);
    box = mercator.boxOfCells(cell, cell, zoom);
  }
  return null;
}
