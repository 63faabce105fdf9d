// The columns that the table can have.

import { address } from "../../common/api.js";
import * as filter from "../../common/filter.js";
import { date, KINDS, measures, range, spoken, when } from "../../common/format.js";
import { country, dayIn, isDay } from "../../common/labels.js";
import { html } from "../../common/preact.js";
import { MEASURES } from "./sort.js";

const STORED = "sitrep-columns";
const DEFAULT = ["started_at", "kind", "title", "place", "country", "killed", "injured", "sources"];
const LESS = "injured"; // gives way to what a kind counts besides

const unique = (texts) => [...new Set(texts.filter(Boolean))].join("; ");
const sites = (event) => event.locations.filter((place) => place.role !== "launch");

export const eventPage = (id) => address(`events/${id}`);
export const stageOf = ({ kind, detail }) => detail.stage ?? (kind === "negotiation_round" ? detail.state : null);

// When it was, with the zone of an event whose day there is none of the days that are asked for.
export function whenListed(event) {
  const zone = event.timezone || "UTC";
  const [since, until] = [filter.value("since"), filter.value("until")];
  const outside = (isDay(until) && dayIn(event.started_at, zone) >= until) || (isDay(since) && dayIn(event.ended_at ?? event.started_at, zone) < since);
  return outside && event.time_precision !== "instant" ? `${when(event)}, ${zone}` : when(event);
}

// The numbers of each measure are those that statistics sum.
function measureColumn(name) {
  const text = (event) => measures(event).find(([found]) => found === name)?.[1];
  const cell = (event) => {
    const found = text(event);
    return found ? range(found) : "";
  };
  return { name, title: spoken(name), width: 7.5, number: true, sort: name, cell };
}

const COLUMNS = [
  { name: "started_at", title: "Time", width: 12.5, sort: "started_at", cell: (event) => html`<time datetime=${event.started_at}>${whenListed(event)}</time>` },
  { name: "kind", title: "Kind", width: 7, cell: (event) => html`<span class="kind">${KINDS[event.kind] ?? spoken(event.kind)}</span>` },
  { name: "title", title: "Title", width: 16, grow: true, cell: (event) => html`<a href=${eventPage(event.id)} tabindex="-1">${event.title}</a>` },
  { name: "status", title: "Status", width: 7.5, cell: (event) => event.status },
  { name: "stage", title: "Stage", width: 8, cell: (event) => spoken(stageOf(event) ?? "") },
  { name: "place", title: "Place", width: 10, cell: (event) => unique(sites(event).map((place) => place.name)) },
  { name: "country", title: "Country", width: 8, cell: (event) => unique(sites(event).map((place) => place.country && country(place.country))) },
  { name: "actors", title: "Actors", width: 14, cell: (event) => unique(event.actors.map((actor) => actor.name)) },
  ...MEASURES.map(measureColumn),
  { name: "sources", title: "Sources", width: 11, cell: (event) => unique(event.sources.map((source) => source.publisher)) },
  { name: "tags", title: "Tags", width: 10, cell: (event) => event.tags.join("; ") },
  { name: "created_at", title: "Recorded (UTC)", width: 10, cell: (event) => date(event.created_at, "UTC", "instant") },
  { name: "updated_at", title: "Changed (UTC)", width: 10, sort: "updated_at", cell: (event) => date(event.updated_at, "UTC", "instant") },
  { name: "version", title: "Version", width: 5, number: true, cell: (event) => event.version },
  { name: "id", title: "Id", width: 11, cell: (event) => event.id },
].map((column) => ({ ...column, title: column.title[0].toUpperCase() + column.title.slice(1) }));

export const ALL = COLUMNS.map(({ name, title }) => [name, title]);

// The columns where none were chosen: with what each of the filter's kinds counts.
export function defaultColumns(pairs, kinds) {
  const chosen = kinds.filter(({ kind }) => pairs.some(([name, value]) => name === "kind" && value === kind));
  const own = MEASURES.filter((measure) => chosen.length && !DEFAULT.includes(measure) && chosen.every((kind) => kind.measures.includes(measure)));
  return own.length ? DEFAULT.flatMap((name) => (name === LESS ? own : [name])) : DEFAULT;
}

// Those that were chosen, or null.
export function storedColumns() {
  const names = (localStorage.getItem(STORED) ?? "").split(" ").filter((name) => COLUMNS.some((column) => column.name === name));
  return names.length ? names : null;
}

// Keep the columns; null chooses none, so that they follow the kinds.
export function storeColumns(names) {
  if (names) localStorage.setItem(STORED, names.join(" "));
  else localStorage.removeItem(STORED);
}

// The chosen ones, in the order of the table.
export const columnsOf = (names) => COLUMNS.filter((column) => names.includes(column.name));
