// The outlines of countries, by Natural Earth, from our own files: simple lines at first, whole ones where somebody zooms in.

import "../../vendor/topojson-client/topojson-client.min.js";
import { toX, toY } from "./mercator.js";

const UNIT = 4096; // of the drawing in which the world is a square
const FOLDER = new URL("../../vendor/world-atlas/", import.meta.url);
let latest = null; // {world, shapes} with the lines that have come
const asked = new Set(); // files of whole lines

// The outlines as far as they have come: {land, borders} as GeoJSON, and `drawn`, the same as two paths in a square of UNIT.
export function outlines() {
  latest ??= read("base.json").then(shaped).catch((error) => { latest = null; throw error; });
  return latest.then(({ shapes }) => shapes);
}

// The outlines with whole lines in a box, which may lie beyond the antimeridian; null where nothing new has come.
export async function refined({ west, south, east, north }) {
  await outlines();
  const { world } = await latest;
  const near = ([left, bottom, right, top]) => bottom <= north && top >= south && [-360, 0, 360].some((turn) => left + turn <= east && right + turn >= west);
  const wanted = world.details.map((box, n) => [n, box]).filter(([n, box]) => !asked.has(n) && near(box)).map(([n]) => n);
  if (!wanted.length) return null;
  wanted.forEach((n) => asked.add(n));
  const found = await Promise.all(wanted.map((n) => read(`detail-${n}.json`).catch(() => { asked.delete(n); return {}; })));
  for (const [n, line] of found.flatMap(Object.entries)) world.arcs[n] = line;
  latest = Promise.resolve(shaped(world));
  return outlines();
}

async function read(name) {
  const answer = await fetch(new URL(name, FOLDER));
  if (!answer.ok) throw new Error(`The outlines of countries could not be loaded (${answer.status}).`);
  return answer.json();
}

function shaped(world) {
  const land = globalThis.topojson.feature(world, world.objects.countries);
  const borders = globalThis.topojson.mesh(world, world.objects.countries, (one, other) => one !== other);
  land.features.forEach(({ geometry }) => polygonsOf(geometry).forEach((rings) => rings.forEach(straighten)));
  borders.coordinates.forEach(straighten);
  const polygons = land.features.flatMap(({ geometry }) => polygonsOf(geometry)).flat();
  return { world, shapes: { land, borders, drawn: { unit: UNIT, land: path(polygons, "Z"), borders: path(borders.coordinates, "") } } };
}

const polygonsOf = (geometry) => (geometry?.type === "Polygon" ? [geometry.coordinates]
  : geometry?.type === "MultiPolygon" ? geometry.coordinates
    : []);

// A line that crosses the antimeridian goes on beyond 180 degrees instead of running around the world; along a pole it may.
function straighten(line) {
  let turn = 0;
  line.forEach((point, at) => {
    const before = at ? line[at - 1][0] : point[0];
    if (Math.abs(point[0] + turn - before) > 180 && Math.abs(point[1]) < 89) turn += point[0] + turn < before ? 360 : -360;
    point[0] += turn;
  });
}

function path(lines, end) {
  const point = ([lon, lat]) => `${(toX(lon) * UNIT).toFixed(1)} ${(toY(lat) * UNIT).toFixed(1)}`;
  return lines.map((line) => `M${line.map(point).join("L")}${end}`).join("");
}

// The name of the country that holds a place, or "" at sea.
export function countryAt(land, [lon, lat]) {
  const holds = (ring) => ring.reduce((inside, [x, y], at) => {
    const [u, v] = ring[at ? at - 1 : ring.length - 1];
    return y > lat !== v > lat && lon < ((u - x) * (lat - y)) / (v - y) + x ? !inside : inside;
  }, false);
  const found = land.features.find(({ geometry }) => polygonsOf(geometry).some((rings) => rings.filter(holds).length % 2));
  return found?.properties.name ?? "";
}
