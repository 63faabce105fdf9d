// A box or a circle of the filter: drawn by a drag, by two clicks or taps, or by Enter at the middle of the map; and shown.

import { html, useLayoutEffect, useRef, useState } from "../../common/preact.js";
import * as filter from "../../common/filter.js";
import * as mercator from "./mercator.js";

const STILL = 6; // pixels within which a press is a click
const MAX_KM = 1000; // of the API

// What the filter has: {box} or {middle, km}, or null.
export function areaOf(pairs) {
  const one = (name) => pairs.find((pair) => pair[0] === name)?.[1];
  const box = one("bbox") && mercator.boxOf(one("bbox"));
  if (box) return { box };
  const [lat, lon] = (one("near") ?? "").split(",").map(Number);
  const km = Number(one("radius_km"));
  return [lat, lon, km].every(Number.isFinite) ? { middle: [lon, lat], km } : null;
}

// Put an area in the place of the one in the filter; null takes it away.
export function choose(area) {
  const round = (degrees, digits) => Number(degrees.toFixed(digits));
  filter.change({
    bbox: area?.box ? mercator.bboxOf(area.box) : "",
    near: area?.middle ? `${round(area.middle[1], 4)},${round(mercator.wrap(area.middle[0]), 4)}` : "",
    radius_km: area?.middle ? String(area.km) : "",
  });
}

// What two places make of it: a box between them, or a circle around the first through the second.
function between(tool, from, to) {
  if (tool === "radius") {
    const km = mercator.distanceKm(from, to);
    return { middle: from, km: mercator.clamp(km < 10 ? Number(km.toFixed(1)) : Math.round(km), 0.1, MAX_KM) };
  }
  const round = (degrees) => Number(degrees.toFixed(4));
  const [west, east] = [from[0], to[0]].sort((one, other) => one - other).map(round);
  const [south, north] = [from[1], to[1]].sort((one, other) => one - other).map(round);
  return { box: { west, south, east: Math.min(east, west + 360), north } };
}

const isFlat = ({ box }) => Boolean(box) && (box.west === box.east || box.south === box.north);

// The state of selecting with a tool: {draft, handlers, key(event, camera, size)}. `done()` is called at the end.
export function useSelecting(tool, done) {
  const [from, setFrom] = useState(null);
  const [to, setTo] = useState(null);
  const press = useRef(null);
  useLayoutEffect(() => { setFrom(null); setTo(null); press.current = null; }, [tool]); // before the next key comes

  function add(place) {
    if (!from) return setFrom(place);
    const area = between(tool, from, place);
    if (isFlat(area)) return;
    choose(area);
    done();
  }

  const placeAt = (event, camera, size) => {
    const edge = event.currentTarget.getBoundingClientRect();
    return mercator.unproject(camera, size, [event.clientX - edge.left, event.clientY - edge.top]);
  };

  const handlers = (camera, size) => ({
    // MapLibre drags by these; two fingers still move the map.
    onMouseDown: (event) => event.stopPropagation(),
    onDblClick: (event) => event.stopPropagation(),
    onPointerDown: (event) => {
      if (event.button || !event.isPrimary) { press.current = null; return; }
      const place = placeAt(event, camera, size);
      press.current = { x: event.clientX, y: event.clientY, place, fresh: !from };
      if (event.pointerType === "touch") return;
      event.currentTarget.setPointerCapture(event.pointerId);
      if (!from) setFrom(place);
      setTo(place);
    },
    onPointerMove: (event) => { if (event.pointerType !== "touch" && from) setTo(placeAt(event, camera, size)); },
    onPointerCancel: () => { press.current = null; },
    onPointerUp: (event) => {
      const begun = press.current;
      press.current = null;
      if (!begun) return;
      const still = Math.hypot(event.clientX - begun.x, event.clientY - begun.y) < STILL;
      const ended = placeAt(event, camera, size);
      if (event.pointerType === "touch" && still) setTo(ended);
      if (event.pointerType === "touch" ? still : !(still && begun.fresh)) add(ended);
    },
  });

  function key(event, camera) {
    if (!tool) return false;
    if (event.key === "Escape") done();
    else if (event.key === "Enter") add([camera.lon, camera.lat]);
    else return false;
    return true;
  }

  return { from, to, handlers, key };
}

// The sheet over the map while an area is drawn: it takes the mouse, and shows what would be chosen.
export function Sheet({ tool, selecting, camera, size }) {
  const { from, to, handlers } = selecting;
  const middle = [camera.lon, camera.lat];
  const [x, y] = [size.width / 2, size.height / 2];
  return html`<g class="sheet" ...${handlers(camera, size)}>
    <rect class="catch" width=${size.width} height=${size.height} />
    ${from && html`<${Area} area=${between(tool, from, to ?? middle)} camera=${camera} size=${size} kind="draft" />`}
    <path class="cross" d="M${x - 9} ${y}h18M${x} ${y - 9}v18" />
  </g>`;
}

// An area as a line and a tint.
export function Area({ area, camera, size, kind = "" }) {
  const corners = area.box ? frameOf(area.box) : area.middle && mercator.circle(area.middle, area.km);
  if (!corners) return null;
  const middle = area.box ? (area.box.west + area.box.east) / 2 : area.middle[0];
  const [x] = mercator.project(camera, size, [middle, 0]);
  const whole = mercator.worldSize(camera.zoom);
  const points = corners.map(([lon, lat]) => [x + ((lon - middle) / 360) * whole, mercator.project(camera, size, [0, lat])[1]]);
  return html`<path class="area ${kind}" d="M${points.map(([left, top]) => `${left.toFixed(1)} ${top.toFixed(1)}`).join("L")}Z" />`;
}

const frameOf = ({ west, south, east, north }) => [[west, south], [west, north], [east, north], [east, south]];
