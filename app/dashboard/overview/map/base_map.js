// A map to draw on: outlines at once, MapLibre in their place when somebody turns to it; one camera for both.

import { html, render, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../common/preact.js";
import { Toolbar } from "../../common/toolbar.js";
import * as mercator from "./mercator.js";
import { outlines, refined } from "./outlines.js";

const REST_MS = 150; // without a move, until the view is told
const STEP = 100; // pixels that an arrow key moves
const FINE = 5; // the zoom from which whole lines pay
const WORLD = { west: -170, south: -56, east: 190, north: 76 };
const TILES = document.querySelector('meta[name="sitrep-tiles"]').content;
const NEAREST = TILES ? 16 : 13;
const HOME_ZOOM = 6.5;

// Show a map named `label`. `home` is the box {west, south, east, north} that it shows at first and by the button "All", not nearer
// than `homeZoom`, again when `homeKey` changes and nobody moved the map since. `draw(camera, size)` gives what is drawn on it, as SVG
// in pixels; `onView({camera, size, homeKey})` is told when the map has come to rest, with the home that it took into account;
// `onKey(event, camera, size)` may take keys, by giving true. `control.current` gets {show(box), focus()}. `selecting` keeps the mouse from moving the map.
export function BaseMap({ label, home, homeKey, homeZoom = HOME_ZOOM, draw, onView, onKey, control, selecting, children }) {
  const [size, setSize] = useState(null);
  const [camera, setCamera] = useState(null);
  const [base, setBase] = useState({ shapes: null, problem: null });
  const [state, setState] = useState("light");
  const frame = useRef(null);
  const layers = useRef(null);
  const live = useRef({ map: null, moved: false, started: false, gone: false }).current;
  const host = useMemo(() => Object.assign(document.createElement("div"), { className: "marks" }), []);

  useEffect(() => {
    layers.current.append(host);
    // A map that is hidden has no size: it keeps the one it had.
    const watch = new ResizeObserver(([{ contentRect: { width, height } }]) => {
      if (width > 0 && height > 0) setSize({ width: Math.round(width), height: Math.round(height) });
    });
    watch.observe(frame.current);
    const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 200));
    idle(() => {
      if (live.gone) return;
      if (hasWebGl()) return void (TILES && live.turnTo());
      live.started = true;
      setState("none");
    });
    return () => { live.gone = true; watch.disconnect(); live.map?.remove(); render(null, host); };
  }, []);

  useEffect(() => {
    outlines().then(redraw, (problem) => { if (!live.gone) setBase((now) => ({ ...now, problem })); });
  }, []);

  useEffect(() => {
    if (!size) return;
    live.map?.resize(mercator.minZoom(size));
    if (camera && (live.moved || !home)) place(mercator.constrain(camera, size, NEAREST));
    else place(mercator.fit(home ?? WORLD, size, homeZoom, home ? undefined : 0));
  }, [size]);

  useEffect(() => {
    if (size && home && !live.moved) place(mercator.fit(home, size, homeZoom));
  }, [homeKey, Boolean(home)]);

  useEffect(() => {
    if (!camera || !size) return undefined;
    const timer = setTimeout(() => {
      onView?.({ camera, size, homeKey });
      if (camera.zoom >= FINE && live.moved && isFast()) refined(mercator.bounds(camera, size)).then(redraw, () => {});
    }, live.told ? REST_MS : 0);
    live.told = true;
    return () => clearTimeout(timer);
  }, [camera, size, homeKey]);

  useEffect(() => live.map?.drag(!selecting), [selecting, state]);

  useLayoutEffect(() => {
    if (camera && size) render(html`<svg width=${size.width} height=${size.height} aria-hidden="true">${draw(camera, size)}</svg>`, host);
  });

  function redraw(shapes) {
    if (live.gone || !shapes) return;
    setBase({ shapes, problem: null });
    live.map?.outline(shapes);
  }

  function place(next) {
    if (live.map) live.map.jump(next);
    else setCamera(next);
  }

  // Move by hand: whoever did does not want the map to move by itself.
  function go(next) {
    live.moved = true;
    turnTo();
    const kept = mercator.constrain(next, size, NEAREST);
    if (!live.map) return setCamera(kept);
    live.map.ease(kept); // which ends the move before
    live.target = kept;
  }

  // Where the map is going: keys that come fast add up.
  const aim = () => (live.map && live.target) || camera;

  const show = (box) => go(mercator.fit(box, size, NEAREST));
  const zoomBy = (steps) => go({ ...aim(), zoom: aim().zoom + steps });
  const panBy = (x, y) => {
    const [lon, lat] = mercator.unproject(aim(), size, [size.width / 2 + x, size.height / 2 + y]);
    go({ ...aim(), lon, lat });
  };
  const goHome = () => { go(mercator.fit(home ?? WORLD, size, homeZoom)); live.moved = false; };

  if (control) control.current = { show, focus: () => frame.current?.focus({ preventScroll: true }) };

  // Fetch MapLibre, once, for those who point at the map, touch it or reach it by keyboard.
  async function turnTo() {
    if (live.started || !size) return;
    live.started = true;
    setState("loading");
    try {
      const [{ start }, shapes] = await Promise.all([import("./maplibre.js"), outlines()]);
      const map = await start(layers.current, {
        camera: () => live.camera,
        minZoom: mercator.minZoom(live.size),
        maxZoom: NEAREST,
        shapes,
        tiles: TILES,
        onMove: (next, byHand) => { live.moved ||= byHand; setCamera(next); },
        onRest: () => { live.target = null; },
      });
      if (live.gone) return map.remove();
      live.map = map;
      map.canvas.append(host);
      setState("full");
    } catch (error) {
      console.info(`The map goes on without MapLibre: ${error.message}`);
      if (!live.gone) setState("none");
    }
  }
  Object.assign(live, { camera, size, turnTo });

  function press(event) {
    if (event.target !== frame.current || event.ctrlKey || event.metaKey || event.altKey || !camera) return;
    const moves = {
      ArrowLeft: () => panBy(-STEP, 0), ArrowRight: () => panBy(STEP, 0), ArrowUp: () => panBy(0, -STEP), ArrowDown: () => panBy(0, STEP),
      "+": () => zoomBy(1), "=": () => zoomBy(1), "-": () => zoomBy(-1), "0": goHome,
    };
    if (!onKey?.(event, camera, size) && !moves[event.key]) return;
    moves[event.key]?.();
    event.preventDefault();
    event.stopPropagation();
  }

  return html`<div class="frame" data-state=${state} data-zoom=${camera?.zoom.toFixed(2)}>
    <div ref=${frame} class="ground" tabindex="0" role="application" aria-roledescription="map" aria-label=${label} onKeyDown=${press}
      onPointerEnter=${turnTo} onPointerDown=${turnTo} onFocus=${turnTo}>
      ${state !== "full" && camera && base.shapes && html`<${Outline} camera=${camera} size=${size} drawn=${base.shapes.drawn} />`}
      <div ref=${layers} class="layers"></div>
    </div>
    <${Toolbar} class="zooms" label="Zoom" aria-orientation="vertical">
      <button type="button" aria-label="Zoom in" onClick=${() => zoomBy(1)}>+</button>
      <button type="button" aria-label="Zoom out" onClick=${() => zoomBy(-1)}>−</button>
      <button type="button" title="Show all events" onClick=${goHome}>All</button>
    <//>
    <p class="credit">${credit()}</p>
    ${children}
  </div>
  ${state === "none" && html`<p class="hint unable">This browser shows no WebGL 2, so the map neither drags nor pinches${TILES ? " and has no background tiles" : ""}. Its buttons, the arrow keys and the table below do the same.</p>`}
  ${base.problem && html`<p class="hint" role="alert">${base.problem.message}</p>`}`;
}

function credit() {
  const text = "Borders: Natural Earth";
  return TILES ? `${text} · Tiles: ${new URL(TILES.replace(/[{}]/g, "")).hostname}` : text;
}

// Whether whole lines, of some 9 kB a file, come soon enough; a browser that does not tell counts as fast.
const isFast = () => !navigator.connection?.saveData && ["4g", undefined].includes(navigator.connection?.effectiveType);

function hasWebGl() {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl2"));
  } catch {
    return false;
  }
}

// The countries as paths, in as many copies of the world as the frame may show.
function Outline({ camera, size, drawn }) {
  const whole = mercator.worldSize(camera.zoom);
  const [left, top] = [size.width / 2 - mercator.toX(camera.lon) * whole, size.height / 2 - mercator.toY(camera.lat) * whole];
  return html`<svg class="outline" width=${size.width} height=${size.height} aria-hidden="true">
    ${[-1, 0, 1].map((turn) => html`<g key=${turn} transform="translate(${left + turn * whole} ${top}) scale(${whole / drawn.unit})">
      <path class="land" d=${drawn.land} /><path class="borders" d=${drawn.borders} />
    </g>`)}
  </svg>`;
}
