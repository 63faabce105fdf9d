// How clusters look: a circle by number, its rim shared by the kinds, the number in it.

import { KINDS, number, plural, range, spoken } from "../../common/format.js";
import { html } from "../../common/preact.js";
import * as mercator from "./mercator.js";

const SHORT = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1, maximumSignificantDigits: 3 });
const RIM = 3.5;

// A class that has the kind's colour; a kind of tomorrow has the colour of text.
export const kindClass = (kind) => `of-${kind in KINDS ? kind : "other"}`;

export const kindName = (kind) => KINDS[kind] ?? spoken(kind);

// The same size wherever it is seen: 8 pixels for one, 20 for a thousand, 24 for ten thousand and more, as a cell of the grid has room for.
export const radius = (value) => Math.min(24, 8 + 4 * Math.log10(Math.max(1, value)));

// A cluster's number in words: "128 events", or "128 events, killed 40 (38–52)".
export function told({ count, low, best, high }, measure) {
  const events = plural(count, "event");
  return measure === "count" ? events : `${events}, ${spoken(measure)} ${range({ low, best, high })}`;
}

const ASIDE = 16; // pixels that a circle may be moved; a larger one as far as its radius
const ROUNDS = 12;

// How far each circle moves aside, in pixels, so that numbers can be read: a little from where its events are on average.
function aside(clusters, zoom) {
  const whole = mercator.worldSize(zoom);
  const circles = clusters.map(({ lon, lat, value }) => ({ x: mercator.toX(lon) * whole, y: mercator.toY(lat) * whole, r: radius(value), dx: 0, dy: 0 }));
  for (let round = 0; round < ROUNDS; round += 1) {
    circles.forEach((one, at) => circles.slice(0, at).forEach((other) => {
      const [across, y] = [one.x + one.dx - other.x - other.dx, one.y + one.dy - other.y - other.dy];
      const x = across - Math.round(across / whole) * whole; // the shorter way round the world
      const away = Math.hypot(x, y);
      const missing = one.r + other.r - away;
      if (missing <= 0) return;
      const [ux, uy] = away ? [x / away, y / away] : [1, 0];
      // The smaller one gives way more.
      const share = other.r / (one.r + other.r);
      move(one, ux * missing * share, uy * missing * share);
      move(other, -ux * missing * (1 - share), -uy * missing * (1 - share));
    }));
  }
  return new Map(clusters.map(({ key }, at) => [key, circles[at]]));
}

function move(circle, x, y) {
  const far = Math.hypot(circle.dx + x, circle.dy + y);
  const most = Math.max(ASIDE, circle.r);
  const kept = far > most ? most / far : 1;
  circle.dx = (circle.dx + x) * kept;
  circle.dy = (circle.dy + y) * kept;
}

const moved = new WeakMap(); // clusters: {zoom, aside}

// Circles, the largest first, so that a small one is never under a large one.
export function Marks({ clusters, camera, size, measure, chosen, onChoose }) {
  const zoom = Math.round(camera.zoom * 4) / 4;
  if (moved.get(clusters)?.zoom !== zoom) moved.set(clusters, { zoom, aside: aside(clusters, zoom) });
  const offsets = moved.get(clusters).aside;
  const shown = clusters
    .map((cluster) => {
      const [x, y] = mercator.project(camera, size, [cluster.lon, cluster.lat]);
      const { dx, dy } = offsets.get(cluster.key);
      return { cluster, at: [x + dx, y + dy] };
    })
    .filter(({ at: [x, y] }) => x > -40 && x < size.width + 40 && y > -40 && y < size.height + 40);
  return shown.map(({ cluster, at: [x, y] }) => {
    const r = radius(cluster.value);
    return html`<g key=${cluster.key} class="cluster ${cluster.key === chosen ? "chosen" : ""}" transform="translate(${x.toFixed(1)} ${y.toFixed(1)})"
      data-key=${cluster.key} data-count=${cluster.count} data-value=${cluster.value} onClick=${() => onChoose(cluster)}>
      <title>${title(cluster, measure)}</title>
      <circle class="disc" r=${r} />
      <${Rim} kinds=${cluster.kinds} r=${r - RIM / 2} />
      <text dy="0.35em">${SHORT.format(cluster.value)}</text>
    </g>`;
  });
}

function title(cluster, measure) {
  const kinds = cluster.kinds.map(([kind, value]) => `${kindName(kind)}: ${number(value)}`);
  return [told(cluster, measure), ...(kinds.length > 1 ? kinds : [kindName(cluster.kinds[0][0])])].join("\n");
}

function Rim({ kinds, r }) {
  const all = kinds.reduce((sum, [, value]) => sum + value, 0);
  const parts = all ? kinds.filter(([, value]) => value) : [];
  if (parts.length < 2) return html`<circle class="rim ${kindClass((parts[0] ?? kinds[0])[0])}" r=${r} />`;
  let from = 0;
  return parts.map(([kind, value]) => {
    const to = from + value / all;
    const arc = html`<path key=${kind} class="rim ${kindClass(kind)}" d=${arcOf(r, from, to)} />`;
    from = to;
    return arc;
  });
}

function arcOf(r, from, to) {
  const point = (share) => `${(r * Math.sin(2 * Math.PI * share)).toFixed(2)} ${(-r * Math.cos(2 * Math.PI * share)).toFixed(2)}`;
  return `M${point(from)}A${r} ${r} 0 ${to - from > 0.5 ? 1 : 0} 1 ${point(to)}`;
}

// Which colour is which kind, with how many events match; beside circles of a measure these numbers say what they are.
export function Legend({ kinds, measure }) {
  return html`<ul class="legend" aria-label="Kinds">${kinds.map(([kind, count]) => html`<li key=${kind}>
    <i class=${kindClass(kind)}></i>${kindName(kind)} <span class="note">${measure === "count" ? number(count) : plural(count, "event")}</span></li>`)}</ul>`;
}
