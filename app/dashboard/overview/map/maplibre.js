// MapLibre GL JS as the ground of a map: outlines of countries, tiles where the operator set some, gestures that leave the page to scroll.

import * as maplibre from "../../vendor/maplibre-gl/maplibre-gl.mjs";

const EASE_MS = 300;
const NO_TILES = { sources: {}, layers: [] };
const VENDOR = new URL("../../vendor/", import.meta.url);

// Start a map in an element, and give it when it is drawn: {canvas, jump(camera), ease(camera), resize(minZoom), outline(shapes),
// drag(may), remove()}. `camera()` tells the camera to begin with; `onMove(camera, byHand)` is called at each move, `onRest()` after it.
export async function start(place, { camera, minZoom, maxZoom, shapes, tiles, onMove, onRest }) {
  await stylesheet(new URL("maplibre-gl/maplibre-gl.css", VENDOR));
  const container = document.createElement("div");
  container.className = "gl";
  place.append(container);
  const background = tiles ? await tileLayers(tiles).catch(() => NO_TILES) : NO_TILES;
  const { lon, lat, zoom } = camera();
  let map;
  try {
    map = new maplibre.Map({
      container, minZoom, maxZoom, center: [lon, lat], zoom,
      style: styleOf(place, shapes, background),
      attributionControl: false, keyboard: false, boxZoom: false, dragRotate: false, touchPitch: false, maxPitch: 0, rollEnabled: false,
      pitchWithRotate: false, cooperativeGestures: true, trackResize: false, fadeDuration: 0,
    });
    map.on("error", () => {}); // a tile that does not come leaves a gap, and the outlines under it
    await map.once("load");
  } catch (error) {
    map?.remove();
    container.remove();
    throw error;
  }
  map.touchZoomRotate.disableRotation();
  // The frame around has the focus and the name: one stop for the keyboard, not two.
  for (const [name, value] of [["tabindex", "-1"], ["aria-hidden", "true"]]) map.getCanvas().setAttribute(name, value);
  map.getCanvas().removeAttribute("role");
  map.getCanvas().removeAttribute("aria-label");
  map.jumpTo(cameraFor(camera()));
  map.on("move", (event) => {
    const { lng, lat: at } = map.getCenter().wrap();
    onMove({ lon: lng, lat: at, zoom: map.getZoom() }, Boolean(event.originalEvent));
  });
  map.on("moveend", onRest);
  const sharpen = () => { if (container.clientWidth) map.resize(); }; // another screen may have other pixels
  addEventListener("resize", sharpen);
  const looks = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) => matchMedia(query));
  const restyle = () => paint(map, coloursOf(place));
  for (const look of looks) look.addEventListener("change", restyle);
  return {
    canvas: map.getCanvasContainer(),
    jump: (next) => map.jumpTo(cameraFor(next)),
    ease: (next) => map.easeTo({ ...cameraFor(next), duration: EASE_MS }),
    resize: (least) => { map.setMinZoom(least); map.resize(); },
    outline: ({ land, borders }) => { map.getSource("land").setData(land); map.getSource("borders").setData(borders); },
    drag: (may) => map.dragPan[may ? "enable" : "disable"](),
    remove: () => {
      for (const look of looks) look.removeEventListener("change", restyle);
      removeEventListener("resize", sharpen);
      map.remove();
    },
  };
}

const cameraFor = ({ lon, lat, zoom }) => ({ center: [lon, lat], zoom });

function stylesheet(url) {
  if (document.querySelector(`link[href="${url.href}"]`)) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url.href });
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => reject(new Error("its style sheet could not be loaded"));
    document.head.append(link);
  });
}

// The colours of the page's style sheet, as it computes them for this element: by day, by night, forced.
function coloursOf(place) {
  const probe = document.createElement("i");
  place.append(probe);
  const colours = Object.fromEntries(["sea", "land", "border"].map((name) => {
    probe.className = `probe ${name}`;
    return [name, getComputedStyle(probe).backgroundColor];
  }));
  probe.remove();
  return colours;
}

function styleOf(place, { land, borders }, background) {
  const colours = coloursOf(place);
  const geojson = (data) => ({ type: "geojson", data, maxzoom: 10, tolerance: 0.3 });
  const tiled = background.layers.length > 0;
  return {
    version: 8,
    sources: { land: geojson(land), borders: geojson(borders), ...background.sources },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colours.sea } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": colours.land } },
      ...background.layers.map((layer) => ({ ...layer, paint: { ...layer.paint, ...(layer.type === "line" ? { "line-color": colours.border } : {}) } })),
      { id: "borders", type: "line", source: "borders", paint: { "line-color": colours.border, "line-width": 0.8, "line-opacity": tiled ? 0.6 : 1 } },
    ],
  };
}

function paint(map, colours) {
  map.setPaintProperty("sea", "background-color", colours.sea);
  map.setPaintProperty("land", "fill-color", colours.land);
  for (const { id, type } of map.getStyle().layers) {
    if (type === "line") map.setPaintProperty(id, "line-color", colours.border);
  }
}

// What `SITREP_TILES_URL` names: raster tiles by a template, or an archive of raster or vector tiles, read by ranges.
async function tileLayers(url) {
  if (!new URL(url.replace(/[{}]/g, "")).pathname.endsWith(".pmtiles")) return raster({ tiles: [url] });
  const { default: pmtiles } = await import("../../vendor/pmtiles/pmtiles.js");
  const archive = new pmtiles.PMTiles(url);
  const protocol = new pmtiles.Protocol();
  protocol.add(archive);
  maplibre.addProtocol("pmtiles", protocol.tile);
  const source = { url: `pmtiles://${url}` };
  const { tileType } = await archive.getHeader();
  if (tileType !== pmtiles.TileType.Mvt) return raster(source);
  const { vector_layers: layers = [] } = await archive.getMetadata();
  return { sources: { tiles: { type: "vector", ...source } }, layers: layers.map(({ id }) => line(id)) };
}

const raster = (source) => ({
  sources: { tiles: { type: "raster", tileSize: 256, ...source } },
  layers: [{ id: "tiles", type: "raster", source: "tiles" }],
});

// Vector tiles are drawn as lines, whatever they are of: coasts, rivers, borders, roads.
const line = (id) => ({
  id: `tiles-${id}`, type: "line", source: "tiles", "source-layer": id,
  filter: ["!=", ["geometry-type"], "Point"], paint: { "line-width": 0.7, "line-opacity": 0.7 },
});
