// The events of one cluster, as a list under the map: the newest of them, and a way to all.

import { address } from "../../common/api.js";
import { number, when } from "../../common/format.js";
import { useApi } from "../../common/hooks.js";
import { sentence } from "../../common/panel.js";
import { html, useLayoutEffect, useRef } from "../../common/preact.js";
import { narrowed } from "./clusters.js";
import { kindClass, kindName, told } from "./marks.js";
import { spokenPlace } from "./mercator.js";
import { choose } from "./selection.js";

const SHOWN = 20;
const FIELDS = ["id", "kind", "title", "started_at", "ended_at", "time_precision", "timezone"];

export function ClusterList({ cluster, pairs, measure, revision, onClose }) {
  const heading = useRef(null);
  const narrow = narrowed(pairs, cluster.box);
  const answer = useApi(narrow && "events", narrow && [...narrow, ["limit", String(SHOWN)], ...FIELDS.map((name) => ["fields", name])], revision);
  useLayoutEffect(() => heading.current.focus({ preventScroll: true }), [cluster.key]);
  const leave = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onClose();
  };
  const items = answer.fresh ? answer.data.items : null;
  return html`<section class="here" aria-labelledby="here-title" aria-busy=${String(answer.loading)} onKeyDown=${leave}>
    <header>
      <h3 id="here-title" tabindex="-1" ref=${heading}>${told(cluster, measure)} at ${spokenPlace([cluster.lon, cluster.lat])}</h3>
      <button type="button" class="plain" onClick=${onClose}>Close</button>
    </header>
    ${answer.error && html`<p class="trouble" role="alert">${sentence(answer.error)}</p>`}
    ${!items && !answer.error && html`<p class="loading">Loading…</p>`}
    <ol>${items?.map((event) => html`<li key=${event.id}>
      <i class=${kindClass(event.kind)} title=${kindName(event.kind)}></i>
      <a href=${address(`events/${event.id}`)} dir="auto">${event.title}</a> <time datetime=${event.started_at}>${when(event)}</time>
    </li>`)}</ol>
    ${items && cluster.count > items.length && html`<button type="button" class="plain" onClick=${() => choose({ box: cluster.box })}>Filter by this place: all ${number(cluster.count)}</button>`}
  </section>`;
}
