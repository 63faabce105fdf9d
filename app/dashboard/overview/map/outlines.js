// The outlines of countries, by Natural Earth, from our own files: coarse ones at first, finer ones for those who zoom in.

import "../../vendor/topojson-client/topojson-client.min.js";
import { toX, toY } from "./mercator.js";

const UNIT = 4096; // of the drawing in which the world is a square
const loaded = new Map();

// The outlines at `110m` or `50m`: {land, borders} as GeoJSON, and `drawn`, the same as two paths in a square of UNIT.
export function outlines(scale) {
  if (!loaded.has(scale)) loaded.set(scale, load(scale).catch((error) => { loaded.delete(scale); throw error; }));
  return loaded.get(scale);
}

async function load(scale) {
  const answer = await fetch(new URL(`../../vendor/world-atlas/countries-${scale}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`The outlines of countries could not be loaded (${answer.status}).`);
  const world = await answer.json();
  const land = globalThis.topojson.feature(world, world.objects.countries);
  const borders = globalThis.topojson.mesh(world, world.objects.countries, (one, other) => one !== other);
  land.features.forEach(({ geometry }) => polygonsOf(geometry).forEach((rings) => rings.forEach(straighten)));
  borders.coordinates.forEach(straighten);
  const polygons = land.features.flatMap(({ geometry }) => polygonsOf(geometry)).flat();
  return { land, borders, drawn: { unit: UNIT, land: path(polygons, "Z"), borders: path(borders.coordinates, "") } };
}

const polygonsOf = (geometry) => (geometry?.type === "Polygon" ? [geometry.coordinates] : geometry?.type === "MultiPolygon" ? geometry.coordinates : []);

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
