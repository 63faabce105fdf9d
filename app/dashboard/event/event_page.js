// The page of one event: finds out what there is to show, the newest version, an older one or a tombstone.

import { address } from "../common/api.js";
import { date, KINDS, plural, spoken } from "../common/format.js";
import { useApi, useLive } from "../common/hooks.js";
import { isDay } from "../common/labels.js";
import { isTold, sentence } from "../common/panel.js";
import { html, useEffect, useMemo, useReducer } from "../common/preact.js";
import { Shell } from "../common/shell.js";
import { Cite } from "./cite.js";
import { EventBody } from "./event_body.js";
import { History } from "./history.js";
import { RawJson } from "./raw_json.js";
import { Relations } from "./relations.js";

const HISTORY_PAGE = 50;
const REASONS = {
  duplicate: "it told again what another event tells", erroneous: "it was wrong", retracted_by_source: "its source took it back",
  out_of_scope: "it did not belong here", legal: "for legal reasons",
};

// The id and the version in the page's address; other parameters, which links may bring, are left out.
const idOfPage = () => decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const askedVersion = () => [...new URLSearchParams(location.search)].filter(([name, value]) => ["version", "as_of"].includes(name) && value).slice(0, 1);

// The API takes a day as its first moment; whoever asks this page for a day means all of it.
const asAsked = (which) => which.map(([name, value]) => [name, name === "as_of" && isDay(value) ? `${value}T23:59:59.999999Z` : value]);
const moment = (value) => (isDay(value) ? html`the end of ${date(value)} (UTC)` : html`<code>${value}</code>`);

export function EventPage() {
  const [id, which] = useMemo(() => [idOfPage(), askedVersion()], []);
  const path = encodeURIComponent(id);
  const [round, showNewest] = useReducer((n) => n + 1, 0);
  const live = useLive(useMemo(() => (/^[0-9a-f-]{36}$/i.test(id) ? [["id", id]] : [["id", "00000000-0000-0000-0000-000000000000"]]), []));
  const answer = useApi(`events/${path}`, asAsked(which), round);
  const history = useApi(`events/${path}/revisions`, [["limit", HISTORY_PAGE]], live.revision);
  const gone = answer.error?.status === 410 ? answer.error.problem.tombstone : null;
  const event = gone || (answer.error && answer.error.status < 500) ? null : answer.data;
  const newest = history.data?.items[0] ?? null;
  const last = useApi(gone && !gone.erased && gone.version > 1 ? `events/${path}` : null, [["version", gone?.version - 1]]);
  const missed = which.length > 0 && answer.error?.status === 404 && newest !== null;
  const now = useApi(missed && newest.operation !== "deleted" ? `events/${path}` : null, []);
  const title = event?.title ?? (
    missed && now.data ? now.data.title
      : gone ? `Deleted: ${last.data?.title ?? id}`
        : answer.error ? `No such ${which.length ? "version" : "event"}` : "Event");
  useEffect(() => { document.title = `${title} · Sitrep`; }, [title]);
  const shown = event?.version ?? gone?.version;
  const related = html`<${Relations} id=${id} relations=${event?.relations ?? []} revision=${round} />`;
  const past = html`<${History} id=${path} answer=${history} shown=${shown} day=${which.find(([name, value]) => name === "as_of" && isDay(value))?.[1]} />`;
  return html`<${Shell} page="events">
    <article class="event-page ${event?.kind ?? ""}">
      <p class="line">${event && html`<span class="kind">${KINDS[event.kind] ?? spoken(event.kind)}</span>${" "}<span class="status">${event.status}</span>`}</p>
      <h1 dir="auto">${title}</h1>
      <${Notice} event=${event} gone=${gone} newest=${newest} which=${which} onShow=${showNewest} />
      ${!event && !gone && !answer.error && html`<p class="loading" role="status">Loading…</p>`}
      ${missed && html`<${Missed} which=${which} history=${history.data} newest=${newest} />`}
      ${answer.error && !gone && !missed && !isTold(answer.error) && html`<p class="trouble" role="alert">
        ${refusal(answer.error, id)}${which.length > 0 && html`${" "}<a href=${location.pathname}>Go to the newest</a>`}
      </p>`}
      ${gone && html`<${Tombstone} gone=${gone} />`}
      ${event && html`<${EventBody} event=${event} left=${[related, past]} right=${html`
        <${Cite} event=${event} cursor=${cursorOf(history.data, event.version)} url=${address(`events/${event.id}`, [["version", event.version]])} />
        <${RawJson} key=${event.version} id=${path} version=${event.version} />`} />`}
      ${gone && html`${related}${past}`}
      ${missed && past}
    </article>
  <//>`;
}

const cursorOf = (history, version) => history?.items.find((revision) => revision.version === version)?.cursor;

const refusal = (error, id) => (error.status === 404 ? `${sentence(error)} (${id})` : sentence(error));

// Which version this is, where it is not the newest; and that a newer one has come while the page was open.
function Notice({ event, gone, newest, which, onShow }) {
  const shown = event?.version ?? gone?.version;
  if (!shown || !newest) return null;
  const [[name, value] = []] = which;
  const link = html`<a href=${location.pathname}>Go to the newest</a>`;
  if (name && newest.version > shown) {
    return html`<p class="banner" role="status">This is version ${shown} of ${newest.version}${name === "as_of" && html`, as it stood at ${moment(value)}`}.
      ${" "}${newest.operation === "deleted" && "The event was deleted since. "}${link}</p>`;
  }
  if (name) return html`<p class="banner" role="status">Version ${shown}${name === "as_of" && html`, as it stood at ${moment(value)}`}; it is the newest. <a href=${location.pathname}>Follow the event</a></p>`;
  if (newest.version > shown) {
    return html`<p class="banner fresh" role="status">${newest.operation === "deleted" ? "The event was deleted." : `Version ${newest.version} is there.`}
      ${" "}<button type="button" class="button" onClick=${onShow}>Show it</button></p>`;
  }
  return null;
}

// What there is in place of a version that is not there, or of a day before the first.
function Missed({ which: [[name, value]], history, newest }) {
  const first = history.items.find(({ version }) => version === 1);
  const recorded = first && html` It was first recorded here on ${date(first.at, "UTC", "instant")} UTC, which may be long after it happened.`;
  return html`<p class="banner" role="status">
    ${name === "as_of"
      ? html`At ${moment(value)} there was nothing of this event here.${recorded}`
      : html`There is no version ${value}; the newest is ${newest.version}.`}
    ${" "}<a href="?version=1">Version 1</a>${" "}<a href=${location.pathname}>Go to the newest</a></p>`;
}

function Tombstone({ gone: { reason, superseded_by: other, erased, deleted_at: at, version } }) {
  return html`<div class="panel" id="tombstone">
    <p>Deleted ${date(at, "UTC", "instant")} UTC, because ${REASONS[reason] ?? spoken(reason)} (<code>${reason}</code>). It had ${plural(version - 1, "version")}${erased ? "; their texts are erased" : ", which the history leads to"}.</p>
    ${other && html`<p>In its place: <a href=${address(`events/${other}`)}>${other}</a></p>`}
  </div>`;
}
