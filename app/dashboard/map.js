// Where it happened: a point for each place, larger for more events; a box drawn on it is the filter `bbox`.

import { get } from "./api.js";
import { draw, find } from "./dom.js";
import * as filter from "./filter.js";
import { number, plural } from "./words.js";

const [WIDTH, HEIGHT, PAD] = [720, 400, 28];
const MOST = 1000;
const NORTHERNMOST = 84;
const NARROWEST = 14; // degrees: nearer one sees no more
const NAMED = 12;
let land = null;
let projection = null;
let view = "fit";
let shown = [];
let box = null;

export const load = (pairs) => get("events.geojson", [...pairs, ["limit", String(MOST)]]);

async function countries() {
  if (land) return land;
  const world = await (await fetch(new URL("vendor/world-atlas/countries-110m.json", import.meta.url))).json();
  land = { shapes: topojson.feature(world, world.objects.countries), borders: topojson.mesh(world, world.objects.countries, (a, b) => a !== b) };
  return land;
}

export async function show(collection, count) {
  const places = new Map();
  for (const feature of collection.features) {
    const [lon, lat] = feature.geometry.coordinates;
    const at = `${lon.toFixed(2)},${lat.toFixed(2)}`;
    const place = places.get(at) ?? { lon, lat, events: new Set(), titles: [], name: "" };
    const location = feature.properties.location;
    place.name ||= location.name;
    if (!place.events.has(feature.properties.id)) place.titles.push(feature.properties.title);
    place.events.add(feature.properties.id);
    places.set(at, place);
  }
  shown = [...places.values()].sort((one, other) => other.events.size - one.events.size);
  const located = new Set(collection.features.map((feature) => feature.properties.id)).size;
  const whole = collection.next ? ` of the newest ${number(MOST)} of ${plural(count, "event")}` : "";
  find("#map .note").textContent = `${plural(shown.length, "place")}, ${plural(located, "located event")}${whole}`;
  await render();
}

async function render() {
  const { shapes, borders } = await countries();
  projection = d3.geoMercator();
  fit();
  const path = d3.geoPath(projection);
  const svg = find("#map svg");
  svg.replaceChildren(
    draw("rect", { class: "sea", width: WIDTH, height: HEIGHT }),
    draw("path", { class: "land", d: path(shapes) }),
    draw("path", { class: "borders", d: path(borders) }),
    draw("g", { class: "places" }, shown.map(point)),
    draw("g", { class: "names", "aria-hidden": "true" }, names()),
    draw("rect", { class: "box", hidden: true }),
  );
  const asked = filter.value("bbox");
  box = asked ? asked.split(",").map(Number) : null;
  showBox();
}

function fit() {
  const [[west, south], [east, north]] = view === "world" ? [[-170, -56], [190, 78]] : extent();
  projection.fitExtent([[PAD, PAD], [WIDTH - PAD, HEIGHT - PAD]], {
    type: "MultiPoint",
    coordinates: [[west, south], [east, north], [west, north], [east, south]],
  });
}

function extent() {
  if (!shown.length) return [[-20, 30], [60, 65]];
  const [lons, lats] = [shown.map((place) => place.lon), shown.map((place) => Math.max(-NORTHERNMOST, Math.min(NORTHERNMOST, place.lat)))];
  const around = (numbers) => {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const missing = Math.max(0, NARROWEST - (high - low)) / 2;
    return [low - missing, high + missing];
  };
  const [[west, east], [south, north]] = [around(lons), around(lats)];
  return [[west, south], [east, north]];
}

function point(place) {
  const [x, y] = projection([place.lon, Math.max(-NORTHERNMOST, Math.min(NORTHERNMOST, place.lat))]);
  const size = place.events.size;
  const label = `${place.name}: ${plural(size, "event")}`;
  const titles = place.titles.slice(0, 6).join("\n");
  return draw("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: (3.5 + 2.2 * Math.sqrt(size - 1)).toFixed(1), "data-events": size }, draw("title", {}, `${label}\n${titles}`));
}

// The names of the places with most events, as long as they do not lie on each other.
function names() {
  const taken = [];
  const labels = [];
  for (const place of shown.slice(0, NAMED)) {
    const [x, y] = projection([place.lon, place.lat]);
    if (x < 0 || x > WIDTH - 60 || y < 8 || y > HEIGHT || taken.some(([u, v]) => Math.abs(u - x) < 90 && Math.abs(v - y) < 16)) continue;
    taken.push([x, y]);
    labels.push(draw("text", { x: (x + 6 + 2.2 * Math.sqrt(place.events.size)).toFixed(1), y: (y + 4).toFixed(1) }, place.name));
  }
  return labels;
}

const corners = ([west, south, east, north]) => [projection([west, north]), projection([east, south])];

function showBox() {
  const rect = find("#map .box");
  if (!box) return rect.setAttribute("hidden", "");
  const [[left, top], [right, bottom]] = corners(box);
  rect.removeAttribute("hidden");
  for (const [name, value] of Object.entries({ x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) })) {
    rect.setAttribute(name, value.toFixed(1));
  }
}

const round = (degrees) => Math.round(degrees * 100) / 100;

// The box between two points of the picture.
function between([x, y], [u, v]) {
  const [west, north] = projection.invert([Math.min(x, u), Math.min(y, v)]);
  const [east, south] = projection.invert([Math.max(x, u), Math.max(y, v)]);
  const within = (degrees, most) => round(Math.max(-most, Math.min(most, degrees)));
  return [within(west, 180), within(south, 90), within(east, 180), within(north, 90)];
}

export function listen() {
  const svg = find("#map svg");
  let from = null;
  const at = (event) => {
    const frame = svg.getBoundingClientRect();
    return [((event.clientX - frame.left) * WIDTH) / frame.width, ((event.clientY - frame.top) * HEIGHT) / frame.height];
  };
  svg.addEventListener("pointerdown", (event) => {
    if (!projection || event.button) return;
    from = at(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    box = between(from, at(event));
    showBox();
  });
  svg.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    const far = Math.abs(x - from[0]) > 4 && Math.abs(y - from[1]) > 4;
    from = null;
    apply(far ? box : null);
  });
  svg.addEventListener("keydown", byKey);
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(button.dataset.zoom));
}

function zoom(wanted) {
  view = wanted;
  for (const button of document.querySelectorAll("[data-zoom]")) button.setAttribute("aria-pressed", String(button.dataset.zoom === view));
  render();
}

const apply = (drawn) => filter.change({ bbox: drawn ? drawn.join(",") : "" });

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function byKey(event) {
  if (!projection) return;
  if (event.key === "Enter" && box) return apply(box);
  if (event.key === "Escape") return apply(null);
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  box ??= between([WIDTH * 0.35, HEIGHT * 0.35], [WIDTH * 0.65, HEIGHT * 0.65]);
  const [dx, dy] = [((box[2] - box[0]) / 10) * step[0], ((box[3] - box[1]) / 10) * step[1]];
  const [west, south, east, north] = event.shiftKey ? [box[0], box[1] - dy, box[2] + dx, box[3]] : [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy];
  if (west >= -180 && east <= 180 && south >= -90 && north <= 90 && west < east && south < north) box = [west, south, east, north].map(round);
  showBox();
}
