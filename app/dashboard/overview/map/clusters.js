// What the map shows: the cells of /v1/stats/grid for the view, asked for each kind and put together.

import { get } from "../../common/api.js";
import { useAnswer, useApi } from "../../common/hooks.js";
import { useEffect, useMemo, useRef, useState } from "../../common/preact.js";
import * as mercator from "./mercator.js";

const KEPT = 60; // answers
const CALM = 10; // times the time that an answer took, before it is asked for anew

const without = (pairs, ...names) => pairs.filter(([name]) => !names.includes(name));
const measured = (measure) => (measure === "count" ? [] : [["measure", measure]]);

// The filter narrowed to a box of the map: the reader's own box and the map's are one, or null where they have nothing in common.
export function narrowed(pairs, box) {
  const own = pairs.find(([name]) => name === "bbox");
  const shared = own && mercator.boxOf(own[1]) ? mercator.intersect(box, mercator.boxOf(own[1])) : box;
  if (shared && mercator.isWorld(shared)) return without(pairs, "bbox");
  return shared && [...without(pairs, "bbox"), ["bbox", mercator.bboxOf(shared)]];
}

// The kinds that match, with how many events each: [[kind, count]...], most first. Facet counts leave their own filter out.
export function useKinds(pairs, revision) {
  const answer = useApi("stats/facets", [...pairs, ["facet", "kind"]], revision);
  const wanted = pairs.filter(([name]) => name === "kind").map(([, kind]) => kind);
  const found = answer.data?.facets.kind.filter(({ value, count }) => count && value !== null && (!wanted.length || wanted.includes(value)));
  const key = found && JSON.stringify(found.map(({ value, count }) => [value, count]));
  return { kinds: useMemo(() => (key ? JSON.parse(key) : null), [key]), answer };
}

// What the map draws, for each kind one question at a time: {world, clusters, revision}. `world` is a useApi answer with the box
// around all that matches, {box}, null where nothing has a place, by the cells of the widest view; `clusters` one with those of `view`
// ({camera, size}, or null as long as that is not known). A question that was answered since the last change is not asked again.
export function useGrid(pairs, measure, kinds, size, view, live) {
  const kept = useRef({ revision: null, cells: new Map(), took: 0 });
  const revision = useCalm(live, kept.current);
  if (kept.current.revision !== revision) Object.assign(kept.current, { revision, cells: new Map() });
  const names = kinds?.map(([kind]) => kind).sort();
  const widest = size && mercator.gridZoom(mercator.minZoom(size) + 0.5);
  const zoom = view && Math.max(widest, mercator.gridZoom(view.camera.zoom));
  const box = zoom > widest ? mercator.snap(mercator.bounds(view.camera, view.size), zoom) : mercator.WORLD;

  async function ask(narrow, fine, signal) {
    const { cells } = kept.current;
    const begun = performance.now();
    const answers = await Promise.all(narrow ? names.map(async (kind) => {
      const all = [...without(narrow, "kind"), ["kind", kind], ["zoom", String(fine)], ...measured(measure)];
      const key = new URLSearchParams(all).toString();
      const found = cells.get(key) ?? (await get("stats/grid", all, { signal })).cells;
      cells.delete(key);
      cells.set(key, found);
      if (cells.size > KEPT) cells.delete(cells.keys().next().value);
      return [kind, found];
    }) : []);
    kept.current.took = performance.now() - begun;
    return answers;
  }
  const question = (narrow, fine) => `${new URLSearchParams([...(narrow ?? [["none", ""]]), ["zoom", fine], ["measure", measure]])} ${names}`;
  const everywhere = narrowed(pairs, mercator.WORLD);
  const here = narrowed(pairs, box);
  const world = useAnswer(size && names ? question(everywhere, widest) : null, async (signal) => {
    const cells = (await ask(everywhere, widest, signal)).flatMap(([, found]) => found);
    return extent(pairs, cells, widest, { step: 2, enough: 8, signal });
  }, revision);
  const clusters = useAnswer(view && names ? question(here, zoom) : null, async (signal) => (
    together(await ask(here, zoom, signal), zoom, measure)
  ), revision);
  return { world, clusters, revision };
}

// The revision to ask for: the newest, but not while a steady stream of changes would have the server count all the time.
function useCalm(revision, kept) {
  const [calm, set] = useState(revision);
  const last = useRef(0);
  useEffect(() => {
    const timer = setTimeout(() => {
      last.current = performance.now();
      set(revision);
    }, Math.max(0, last.current + CALM * kept.took - performance.now()));
    return () => clearTimeout(timer);
  }, [revision]);
  return calm;
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
  const found = await extent(pairs, [[cluster.lon, cluster.lat]], cluster.zoom, { step: 4, enough: 1 });
  return found.wide ? found.box : null;
}

// The box around what matches in some cells. Where they are few, their means say little of how far it reaches, so finer cells
// are asked for until it is `enough` of them wide or high.
async function extent(pairs, cells, zoom, { step, enough, signal }) {
  if (!cells.length) return { box: null, wide: 0 };
  const box = mercator.around(cells);
  const [first, last] = mercator.cellsOf(box, zoom);
  const wide = Math.max(last[0] - first[0], last[1] - first[1]);
  if (wide >= enough || zoom === mercator.MAX_GRID) return { box, wide };
  const narrow = narrowed(pairs, mercator.boxOfCells(first, last, zoom));
  const finer = Math.min(mercator.MAX_GRID, zoom + step);
  const found = narrow ? (await get("stats/grid", [...narrow, ["zoom", String(finer)]], { signal })).cells : [];
  return extent(pairs, found, finer, { step, enough, signal });
}
