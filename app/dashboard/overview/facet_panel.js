// The filter: words, time, and each facet with its values and counts.

import * as filter from "../common/filter.js";
import { useApi, useMedia } from "../common/hooks.js";
import { isOfFilter, isTold, sentence } from "../common/panel.js";
import { html, useState } from "../common/preact.js";
import { changeFacet, SHARED } from "./facets/choice.js";
import { Facet } from "./facets/facet.js";
import { Numbers, Search } from "./facets/fields.js";
import { TimeFields } from "./facets/time_fields.js";

const FETCHED = 50;
const OPEN = ["kind", "status", "country"];

// Wide enough to stand beside the charts it is open, elsewhere closed; closed, it asks nothing.
export function FacetPanel({ pairs, live, kinds }) {
  const wide = useMedia("(min-width: 60rem)");
  const [chosen, choose] = useState(null);
  const open = chosen ?? wide;
  const active = pairs.filter(([name]) => name !== "timezone").length;
  return html`<section id="filters" class="panel" aria-labelledby="filters-title">
    <details class="filters" open=${open} onToggle=${(event) => { if (event.target === event.currentTarget) choose(event.target.open); }}>
      <summary><h2 id="filters-title">Filter</h2>${active > 0 && html`<span class="note">${active} set</span>`}</summary>
      ${open && html`<${Controls} pairs=${pairs} live=${live} kinds=${kinds} />`}
    </details>
  </section>`;
}

function Controls({ pairs, live, kinds }) {
  const [open, set] = useState(() => new Set([...OPEN, ...pairs.map(([name]) => name)]));
  const chosen = kinds.filter(({ kind }) => pairs.some(([name, value]) => name === "kind" && value === kind));
  const own = chosen.length === 1 ? chosen[0] : null;
  const facets = [...SHARED, ...(own?.facets.map(({ name }) => name) ?? [])];
  const asked = facets.filter((name) => open.has(name));
  const counts = useApi(asked.length ? "stats/facets" : null, [...pairs, ...asked.map((name) => ["facet", name]), ["limit", FETCHED]], live.revision);
  const refused = counts.error !== null && isOfFilter(counts.error);
  const show = (name, opened) => set((before) => {
    const next = new Set(before);
    if (opened) next.add(name);
    else next.delete(name);
    return next;
  });
  const one = (name) => html`<${Facet} key=${name} name=${name} pairs=${pairs} live=${live} open=${open.has(name)} refused=${refused} fetched=${FETCHED}
    counts=${counts.data?.facets[name]} onOpen=${(opened) => show(name, opened)} onChange=${changeFacet(name, kinds)} />`;
  return html`
    <form id="controls" aria-label="Filter" aria-busy=${String(counts.loading)} onSubmit=${(event) => event.preventDefault()}>
      ${counts.error && !isTold(counts.error) && !refused && html`<p class="trouble" role="alert">${sentence(counts.error)}</p>`}
      <${Search} value=${filter.value("q")} />
      <${TimeFields} />
      ${one("kind")}
      ${own && html`<fieldset id="own"><legend>${own.title}</legend>${own.facets.map(({ name }) => one(name))}</fieldset>`}
      ${SHARED.slice(1).map(one)}
      <${Numbers} measures=${measuresOf(chosen.length ? chosen : kinds)} />
    </form>`;
}

const measuresOf = (kinds) => [...new Set(kinds.flatMap(({ measures }) => measures))];
