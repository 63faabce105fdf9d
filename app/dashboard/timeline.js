// Negotiation rounds and sanction moves along time, a lane for each stage they are at.

import { get } from "./api.js";
import { draw, find } from "./dom.js";
import * as filter from "./filter.js";
import { date, KINDS, plural, spoken, when } from "./words.js";

const STAGED = ["negotiation_round", "sanction_move"];
const MOST = 500;
const [LABEL, LANE, TOP, RIGHT] = [150, 26, 22, 16];
let drawn = [];
let opening = () => {};

export async function load(pairs) {
  const wanted = filter.values("kind");
  const kinds = wanted.length ? STAGED.filter((kind) => wanted.includes(kind)) : STAGED;
  if (!kinds.length) return { items: [], next: null };
  const others = pairs.filter(([name]) => name !== "kind");
  return get("events", [...others, ...kinds.map((kind) => ["kind", kind]), ["limit", String(MOST)]]);
}

const stage = (event) => (event.kind === "sanction_move" ? event.detail.stage : event.detail.state);

export function show(page, open) {
  drawn = page.items;
  opening = open;
  const figure = find("#timeline");
  figure.hidden = !drawn.length;
  find(".note", figure).textContent = page.next ? `the newest ${MOST}` : plural(drawn.length, "event");
  render();
}

export function render() {
  if (!drawn.length) return;
  const svg = find("#timeline svg");
  const width = Math.max(svg.clientWidth || 640, 300);
  const label = width < 480 ? 112 : LABEL;
  const lanes = lanesOf(drawn);
  const times = drawn.map((event) => Date.parse(event.started_at));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const margin = Math.max((last - first) * 0.04, 43200000);
  const x = (at) => label + ((at - first + margin) / (last - first + 2 * margin)) * (width - label - RIGHT);
  const height = TOP + lanes.length * LANE + 8;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  svg.replaceChildren(
    ...ticks(first, last, Math.floor((width - label) / 120)).map((at) => draw("g", { class: "tick" },
      draw("line", { x1: x(at), x2: x(at), y1: TOP - 4, y2: height - 8 }),
      draw("text", { x: x(at), y: 12 }, date(new Date(at).toISOString(), filter.value("timezone"))))),
    ...lanes.map((lane, n) => laneOf(lane, TOP + n * LANE + LANE / 2, x, width)),
  );
}

function lanesOf(events) {
  const found = new Map();
  for (const kind of STAGED) {
    for (const event of events.filter((one) => one.kind === kind)) {
      const key = `${kind} ${stage(event)}`;
      found.set(key, [...(found.get(key) ?? []), event]);
    }
  }
  return [...found.values()];
}

function laneOf(events, y, x, width) {
  const [{ kind }] = events;
  const name = `${KINDS[kind]}: ${spoken(stage(events[0]))}`;
  return draw("g", { class: `lane ${kind}`, role: "list", "aria-label": `${name}, ${plural(events.length, "event")}` },
    draw("text", { x: 0, y: y + 4 }, name),
    draw("line", { x1: LABEL, x2: width - RIGHT, y1: y, y2: y }),
    events.map((event) => mark(event, x(Date.parse(event.started_at)), y)));
}

function mark(event, x, y) {
  const open = () => opening(event.id);
  const byKey = (pressed) => pressed.key === "Enter" && open();
  const shape = event.kind === "sanction_move"
    ? draw("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, transform: `rotate(45 ${x} ${y})` })
    : draw("circle", { cx: x, cy: y, r: 5.5 });
  return draw("g", { class: "mark", tabindex: 0, role: "listitem", "data-id": event.id, onclick: open, onkeydown: byKey },
    draw("title", {}, `${event.title}\n${when(event)}`), shape);
}

// So many instants between two, at equal distances.
function ticks(first, last, most) {
  const count = Math.max(2, Math.min(6, most));
  if (last - first < 86400000) return [first];
  return Array.from({ length: count }, (_, n) => first + ((last - first) * n) / (count - 1));
}
