// What the event is to others, and which others point here.

import { address } from "../common/api.js";
import { KINDS, spoken, when } from "../common/format.js";
import { useApi } from "../common/hooks.js";
import { Panel } from "../common/panel.js";
import { html } from "../common/preact.js";
import { useFold } from "./fold.js";

const FIELDS = ["id", "kind", "title", "started_at", "ended_at", "time_precision", "timezone", "relations"].map((name) => ["fields", name]);
const MAX_ASKED = 100;
const NOTHING = { items: [], next: null };

export function Relations({ id, relations, revision }) {
  const ids = [...new Set(relations.map(({ event_id: other }) => other))];
  const out = useApi(ids.length ? "events" : null, [...ids.slice(0, MAX_ASKED).map((other) => ["id", other]), ["limit", MAX_ASKED], ...FIELDS], revision);
  const come = useApi("events", [["related_to", id], ["limit", MAX_ASKED], ...FIELDS], revision);
  const known = new Map((out.data ?? NOTHING).items.map((event) => [event.id, event]));
  const pointing = (come.data ?? NOTHING).items
    .flatMap((event) => event.relations.filter(({ event_id: other }) => other === id).map(({ type }) => ({ type, event })));
  const [own, moreOwn] = useFold(relations, "relations");
  const [others, moreOthers] = useFold(pointing, "what points here");
  const none = !relations.length && come.data && !pointing.length;
  return html`<${Panel} id="relations" title="Related events" answer=${[out, come]}>
    ${none && html`<p class="nothing">None.</p>`}
    ${relations.length > 0 && html`<ul class="relations">${own.map(({ type, event_id: other }) => html`
      <li><span class="soft">This event ${verb(type)}</span> <${Other} id=${other} event=${known.get(other)} gone=${out.data !== null} /></li>`)}</ul>${moreOwn}`}
    ${pointing.length > 0 && html`<h3>What points here</h3><ul class="relations">${others.map(({ type, event }) => html`
      <li><${Other} id=${event.id} event=${event} /> <span class="soft">${verb(type)} this event</span></li>`)}</ul>${moreOthers}`}
    ${come.data?.next && html`<p><a href=${address("", [["related_to", id]])}>All events that point here</a></p>`}
  <//>`;
}

// `part_of` is "is part of", `responds_to` "responds to".
const verb = (type) => (type === "part_of" ? "is part of" : spoken(type));

function Other({ id, event, gone = false }) {
  const title = event ? event.title : gone ? `${id} (not among the events there are)` : id;
  return html`<a href=${address(`events/${id}`)} dir="auto">${title}</a>${event && html` <span class="soft">${KINDS[event.kind] ?? spoken(event.kind)}, ${when(event)}</span>`}`;
}
