// Web Mercator for a map that is drawn and asked about in pixels: a camera is {lon, lat, zoom}, a size {width, height}.

const TILE = 512; // CSS pixels of the whole world at zoom 0, as in MapLibre
const NORTHERNMOST = 85.051129;
export const MAX_GRID = 12; // the finest zoom of /v1/stats/grid
const CELLS = 4; // cells a side of a tile
const BUTTONS = 48; // CSS pixels at the right edge, over which the map's buttons lie

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export const wrap = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;

// Shares of the world's square, from its north-western corner; a longitude may lie beyond 180 degrees.
export const toX = (lon) => lon / 360 + 0.5;

export function toY(lat) {
  const sine = Math.sin((clamp(lat, -NORTHERNMOST, NORTHERNMOST) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

export const toLon = (x) => (x - 0.5) * 360;

export const toLat = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

export const worldSize = (zoom) => TILE * 2 ** zoom;

// How far out one may go: the world fills the frame, so that no place is seen twice.
export const minZoom = ({ width, height }) => Math.log2(Math.max(width, height, 1) / TILE);

// Where a place lies in the frame, in the copy of the world that is nearest to its middle.
export function project({ lon, lat, zoom }, { width, height }, [itsLon, itsLat]) {
  const size = worldSize(zoom);
  return [wrap(itsLon - lon) / 360 * size + width / 2, (toY(itsLat) - toY(lat)) * size + height / 2];
}

// The place at a point of the frame; its longitude may lie beyond 180 degrees.
export function unproject({ lon, lat, zoom }, { width, height }, [x, y]) {
  const size = worldSize(zoom);
  return [toLon(toX(lon) + (x - width / 2) / size), toLat(clamp(toY(lat) + (y - height / 2) / size, 0, 1))];
}

// The nearest camera that shows no emptiness beyond the poles.
export function constrain({ lon, lat, zoom }, size, maxZoom) {
  const nearest = clamp(zoom, minZoom(size), maxZoom);
  const half = size.height / 2 / worldSize(nearest);
  return { lon: wrap(lon), lat: toLat(clamp(toY(lat), Math.min(0.5, half), Math.max(0.5, 1 - half))), zoom: nearest };
}

// What the frame shows: {west, south, east, north}, east beyond 180 where it crosses the antimeridian.
export function bounds(camera, size) {
  const [west, north] = unproject(camera, size, [0, 0]);
  const [east, south] = unproject(camera, size, [size.width, size.height]);
  return { west, south, east, north };
}

// The camera that shows a box, with room around it and beside the buttons, and not nearer than maxZoom.
export function fit({ west, south, east, north }, size, maxZoom, room = 44) {
  const aside = room && BUTTONS;
  const share = Math.max(
    (toX(east) - toX(west)) / Math.max(1, size.width - 2 * room - aside),
    (toY(south) - toY(north)) / Math.max(1, size.height - 2 * room),
  );
  const zoom = clamp(share > 0 ? Math.log2(1 / share / TILE) : maxZoom, minZoom(size), maxZoom);
  const lon = (west + east) / 2 + (180 * aside) / worldSize(zoom);
  return constrain({ lon, lat: toLat((toY(north) + toY(south)) / 2), zoom }, size, maxZoom);
}

// The narrowest box around places; it may cross the antimeridian. Null without a place.
export function around(places) {
  if (!places.length) return null;
  const lons = places.map(([lon]) => wrap(lon)).sort((one, other) => one - other);
  const gaps = lons.map((lon, at) => (at ? lon - lons[at - 1] : lon + 360 - lons.at(-1)));
  const first = gaps.indexOf(Math.max(...gaps));
  const west = lons[first];
  const last = lons[(first + lons.length - 1) % lons.length];
  const lats = places.map(([, lat]) => lat);
  return { west, south: Math.min(...lats), east: last < west ? last + 360 : last, north: Math.max(...lats) };
}

// The zoom of the grid whose cells are 36 to 72 pixels wide.
export const gridZoom = (zoom) => clamp(Math.ceil(zoom + 0.85), 0, MAX_GRID);

// Which cell holds a place: its column and row.
export function cellOf([lon, lat], zoom) {
  const side = CELLS * 2 ** zoom;
  return [Math.min(side - 1, Math.floor(toX(wrap(lon)) * side)), clamp(Math.floor(toY(lat) * side), 0, side - 1)];
}

// The first and the last cell of a box; columns go beyond the world's edge with it.
export function cellsOf({ west, south, east, north }, zoom) {
  const side = CELLS * 2 ** zoom;
  const row = (lat) => clamp(Math.floor(toY(lat) * side), 0, side - 1);
  return [[Math.floor(toX(west) * side), row(north)], [Math.floor(toX(east) * side), row(south)]];
}

const HAIR = 1e-8; // degrees, less than coordinates tell

// The box of some cells, by the first and the last column and row; columns may go beyond the world's edge. What lies on its
// eastern edge is of the next cell, and not in it: such a box has whole cells only, which the API knows the numbers of.
export function boxOfCells([left, top], [right, bottom], zoom) {
  const side = CELLS * 2 ** zoom;
  const whole = right - left + 1 >= side;
  return {
    west: whole ? -180 : toLon(left / side),
    south: bottom + 1 >= side ? -90 : toLat((bottom + 1) / side),
    east: whole ? 180 : toLon((right + 1) / side) - ((right + 1) % side ? HAIR : 0),
    north: top <= 0 ? 90 : toLat(top / side),
  };
}

// The cells that a box touches, in steps of `step`, so that a small move asks nothing new.
export function snap({ west, south, east, north }, zoom, step = 2) {
  const side = CELLS * 2 ** zoom;
  const low = (share) => Math.floor((share * side) / step) * step;
  const high = (share) => Math.ceil((share * side) / step) * step - 1;
  return boxOfCells([low(toX(west)), Math.max(0, low(toY(north)))], [high(toX(east)), Math.min(side - 1, high(toY(south)))], zoom);
}

export const WORLD = { west: -180, south: -90, east: 180, north: 90 };

export const isWorld = ({ west, south, east, north }) => east - west >= 360 && south <= -90 && north >= 90;

// A box as the API takes it: west,south,east,north, the west greater than the east over the antimeridian.
export function bboxOf({ west, south, east, north }) {
  const round = (degrees) => Number(degrees.toFixed(9));
  const whole = east - west >= 360;
  return [whole ? -180 : round(wrap(west)), round(south), whole ? 180 : round(wrapEast(east)), round(north)].join(",");
}

const wrapEast = (lon) => (wrap(lon) === -180 ? 180 : wrap(lon));

// And back: east is beyond 180 where the box crosses the antimeridian. Null for what is no box.
export function boxOf(text) {
  const numbers = text.split(",").map(Number);
  if (numbers.length !== 4 || numbers.some((one) => !Number.isFinite(one))) return null;
  const [west, south, east, north] = numbers;
  return { west, south, east: east < west ? east + 360 : east, north };
}

// What two boxes share, null for nothing; where they meet twice around the world, the whole second one.
export function intersect(one, other) {
  const found = [-360, 0, 360]
    .map((turn) => ({ west: Math.max(one.west, other.west + turn), east: Math.min(one.east, other.east + turn) }))
    .filter(({ west, east }) => west < east);
  const [south, north] = [Math.max(one.south, other.south), Math.min(one.north, other.north)];
  if (!found.length || south >= north) return null;
  return { ...(found.length > 1 ? { west: other.west, east: other.east } : found[0]), south, north };
}

const EARTH_KM = 6371.0088;

export function distanceKm([lon, lat], [itsLon, itsLat]) {
  const [a, b] = [(lat * Math.PI) / 180, (itsLat * Math.PI) / 180];
  const [sines, cosines] = [Math.sin((b - a) / 2), Math.sin((((itsLon - lon) * Math.PI) / 180) / 2)];
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(sines ** 2 + Math.cos(a) * Math.cos(b) * cosines ** 2)));
}

// Places on the circle of so many kilometres around a place.
export function circle([lon, lat], km, corners = 72) {
  const [away, phi] = [km / EARTH_KM, (lat * Math.PI) / 180];
  return Array.from({ length: corners }, (_, at) => {
    const bearing = (2 * Math.PI * at) / corners;
    const its = Math.asin(Math.sin(phi) * Math.cos(away) + Math.cos(phi) * Math.sin(away) * Math.cos(bearing));
    const turn = Math.atan2(Math.sin(bearing) * Math.sin(away) * Math.cos(phi), Math.cos(away) - Math.sin(phi) * Math.sin(its));
    return [lon + (turn * 180) / Math.PI, (its * 180) / Math.PI];
  });
}

// A place in words: 50.45° N, 30.52° E.
export function spokenPlace([lon, lat], digits = 2) {
  const part = (degrees, plus, minus) => `${Math.abs(degrees).toFixed(digits)}° ${degrees < 0 ? minus : plus}`;
  return `${part(lat, "N", "S")}, ${part(wrap(lon), "E", "W")}`;
}
