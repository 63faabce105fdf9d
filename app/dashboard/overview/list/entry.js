// One event of the list: what, when, where, in which numbers, and who says so.

import { measures, number, range, spoken, KINDS } from "../../common/format.js";
import { placeName } from "../../common/labels.js";
import { html } from "../../common/preact.js";
import { eventPage, stageOf, whenListed } from "./columns.js";

const SHOWN_ACTORS = 4;
const SHOWN_PLACES = 6;
const SHOWN_CLAIMS = 4;
const SHOWN_SOURCES = 6;

export const MARKS = { updated: "Changed", left: "No longer matches", deleted: "Deleted" };

export const Mark = ({ mark }) => (mark ? html`<span class="mark ${mark}">${MARKS[mark]}</span>` : null);

// `place` are the attributes of the row's place in the list; `current` is the row that Tab reaches.
export function Entry({ row: { id, event, mark }, place, size, current }) {
  const index = place["data-index"];
  const common = { ...place, id: `entry-${index}`, "data-id": id, tabindex: current ? 0 : -1, "aria-posinset": index + 1, "aria-setsize": size };
  if (!event) {
    return html`<article ...${common} class="entry waiting ${mark ?? ""}" aria-label=${mark ? MARKS[mark] : "Loading"}>
      <p>${mark ? MARKS[mark] : "Loading…"}</p>
    </article>`;
  }
  const tab = current ? null : -1;
  return html`<article ...${common} class="entry ${event.kind} ${mark ?? ""}" aria-labelledby="title-${index}">
    <p class="line">
      <span class="kind">${KINDS[event.kind] ?? spoken(event.kind)}</span>
      <time datetime=${event.started_at}>${whenListed(event)}</time>
      ${event.status !== "reported" && html`<span class="status ${event.status}">${event.status}</span>`}
      <${Mark} mark=${mark} />
    </p>
    <h3 id="title-${index}" dir="auto"><a href=${eventPage(id)} tabindex=${tab}>${event.title}</a></h3>
    ${event.summary && html`<p class="text" dir="auto">${event.summary}</p>`}
    <dl>${facts(event).map(([name, text]) => html`<div><dt>${name}</dt><dd dir="auto">${text}</dd></div>`)}
      <div><dt>Sources</dt><dd dir="auto">${sources(event, tab)}</dd></div>
    </dl>
  </article>`;
}

const short = (texts, most) => texts.slice(0, most).join("; ") + (texts.length > most ? ` and ${texts.length - most} more` : "");

function facts(event) {
  const places = event.locations.filter((place) => place.role !== "launch").map(placeName);
  const actors = event.actors.map((actor) => `${actor.name} (${spoken(actor.role)})`);
  return [
    ["Where", short([...new Set(places.filter(Boolean))], SHOWN_PLACES)],
    ["Who", short(actors, SHOWN_ACTORS)],
    ["Stage", spoken(stageOf(event) ?? "")],
    ...measures(event).map(([name, numbers]) => [spoken(name), range(numbers)]),
    ["Claims", short(event.claims.map((claim) => claimed(claim, event.sources)), SHOWN_CLAIMS)],
  ].filter(([, text]) => text);
}

// What one source says where sources differ: `started at 2025-05 (RFE/RL)`.
function claimed({ field, value, source, claimed_by: by }, sources) {
  const what = field.split("/").filter((step) => step && !/^\d+$/.test(step)).join(" ");
  const text = Number.isInteger(value) ? number(value) : typeof value === "string" ? value : JSON.stringify(value);
  return `${spoken(what)} ${text} (${by ?? sources[source]?.publisher ?? "unknown"})`;
}

function sources(event, tab) {
  const shown = event.sources.slice(0, SHOWN_SOURCES).map((source, n) => html`${n ? ", " : ""}<${SourceLink} ...${source} tab=${tab} />`);
  const rest = event.sources.length - SHOWN_SOURCES;
  return html`${shown}${rest > 0 ? ` and ${rest} more` : ""}`;
}

// The link to a source, if its address is one of the web; else only its publisher.
function SourceLink({ url, publisher, tab }) {
  if (!/^https?:\/\//i.test(url ?? "")) return html`<bdi>${publisher}</bdi>`;
  return html`<a href=${url} target="_blank" rel="noreferrer noopener" tabindex=${tab}><bdi>${publisher}</bdi></a>`;
}
