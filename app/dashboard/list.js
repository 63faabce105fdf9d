// The events, newest first: what, when, where, in which numbers, who says so, and how the record came to be.

import { address, get } from "./api.js";
import { find, make, sourceLink } from "./dom.js";
import { date, KINDS, measures, number, range, spoken, when } from "./words.js";

export const PAGE = 50;
const SHOWN_ACTORS = 4;
const MOST = 1000;

export const load = (pairs, limit) => get("events", [...pairs, ["limit", String(limit)]]);

export function show(page, fresh) {
  const open = new Set([...document.querySelectorAll("#list .history:not([hidden])")].map((history) => history.parentElement.dataset.id));
  find("#list").replaceChildren(...page.items.map((event) => item(event, fresh.has(event.id))));
  for (const id of open) find(`#list [data-id="${id}"] .toggle`)?.click();
  find("#empty").hidden = page.items.length > 0;
  find("#more").hidden = !page.next || page.items.length >= MOST;
}

function item(event, fresh) {
  const sources = event.sources.map((source) => sourceLink(source.url, source.publisher));
  return make("li", { "data-id": event.id, tabindex: -1, class: fresh ? `event ${event.kind} fresh` : `event ${event.kind}` },
    make("p", { class: "line" },
      make("span", { class: "kind" }, KINDS[event.kind] ?? spoken(event.kind)),
      make("time", { datetime: event.started_at }, when(event)),
      event.status === "reported" ? null : make("span", { class: `status ${event.status}` }, event.status)),
    make("h3", {}, event.title),
    event.summary ? make("p", { class: "text" }, event.summary) : null,
    facts(event),
    make("p", { class: "sources" }, "Sources: ", parted(sources)),
    make("p", { class: "tools" },
      make("button", { type: "button", class: "plain toggle", "aria-expanded": "false", onclick: (click) => toggle(click.currentTarget, event) },
        event.version === 1 ? "History" : `History, ${event.version} versions`),
      make("a", { href: address(`events/${event.id}`), target: "_blank" }, "JSON"),
      make("a", { href: address(`events/${event.id}`, [["version", event.version]]), target: "_blank" }, "Cite this version"),
      make("a", { href: `?id=${event.id}` }, "Only this")),
    make("ol", { class: "history", hidden: true }));
}

const parted = (parts) => parts.flatMap((part, n) => (n ? [", ", part] : [part]));

function facts(event) {
  const places = event.locations.filter((place) => place.role !== "launch").map((place) => [place.name, place.country].filter(Boolean).join(", "));
  const actors = event.actors.slice(0, SHOWN_ACTORS).map((actor) => `${actor.name} (${spoken(actor.role)})`);
  const rest = event.actors.length - SHOWN_ACTORS;
  const stage = event.detail.stage ?? (event.kind === "negotiation_round" ? event.detail.state : null);
  const rows = [
    ["Where", places.join("; ")],
    ["Who", actors.join(", ") + (rest > 0 ? ` and ${rest} more` : "")],
    ["Stage", stage ? spoken(stage) : ""],
    ...measures(event).map(([name, numbers]) => [spoken(name), range(numbers)]),
    ["Claims", event.claims.map((claim) => claimed(claim, event.sources)).join("; ")],
  ].filter(([, text]) => text);
  return make("dl", {}, rows.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
}

// What one source says where sources differ: `started at 2025-05 (RFE/RL)`.
function claimed({ field, value, source, claimed_by: by }, sources) {
  const what = field.split("/").filter((step) => step && !/^\d+$/.test(step)).join(" ");
  const text = Number.isInteger(value) ? number(value) : typeof value === "string" ? value : JSON.stringify(value);
  return `${spoken(what)} ${text} (${by ?? sources[source]?.publisher ?? "unknown"})`;
}

async function toggle(button, event) {
  const history = button.closest("li").querySelector(".history");
  const opened = history.hidden;
  button.setAttribute("aria-expanded", String(opened));
  history.hidden = !opened;
  if (!opened) return;
  const { items } = await get(`events/${event.id}/revisions`, []);
  history.replaceChildren(...items.map((revision) => make("li", {},
    make("a", { href: address(`events/${event.id}`, [["version", revision.version]]), target: "_blank" }, `Version ${revision.version}`),
    ` ${revision.operation} ${date(revision.at, "UTC", "instant")} UTC`,
    revision.by ? ` by ${revision.by}` : "",
    revision.changed.length ? make("code", {}, revision.changed.join("  ")) : null)));
}

// The next or the previous event gets the focus.
export function move(step) {
  const items = [...document.querySelectorAll("#list > li")];
  const now = items.indexOf(document.activeElement?.closest("#list > li"));
  const next = items[Math.max(0, Math.min(items.length - 1, now < 0 ? 0 : now + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function openFocused() {
  document.activeElement?.closest("#list > li")?.querySelector(".toggle").click();
}

// Bring an event into view; false if it is not on the page.
export function reveal(id) {
  const found = find(`#list [data-id="${CSS.escape(id)}"]`);
  found?.focus();
  found?.scrollIntoView({ block: "center" });
  return Boolean(found);
}
