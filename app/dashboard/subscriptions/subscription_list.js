// All subscriptions with their state, how far behind they are and what went wrong.

import { number, plural } from "../common/format.js";
import { since } from "../common/freshness.js";
import { Panel } from "../common/panel.js";
import { usePages } from "../common/poll.js";
import { html } from "../common/preact.js";
import { State } from "../common/state.js";
import { Link } from "./address.js";
import { inWords } from "./filter_document.js";
import { states } from "./health.js";
import { Pager } from "../common/pager.js";

const COLUMNS = ["Name", "State", "Mode", "Changes of", "Lag", "Open", "Dead", "Last success", "Last error"];

export function SubscriptionList() {
  const answer = usePages("subscriptions", [["limit", "50"]]);
  const items = answer.data?.items ?? [];
  return html`<div class="head"><h1 id="view-title" tabindex="-1">Subscriptions</h1><${Link} class="button first" query="new=1">New subscription<//></div>
    <${Panel} id="endpoints" title="Endpoints" note=${summary(items)} answer=${answer}>
      ${items.length ? html`<${Table} items=${items} />` : answer.data && html`<p class="nothing">No subscription yet. Make one here, or filter the dashboard first and choose “Webhook from this filter”.</p>`}
      <${Pager} ...${answer} what="subscriptions" />
    <//>`;
}

function summary(items) {
  if (!items.length) return "";
  const needy = items.filter((item) => states(item).needsCare).length;
  return `${plural(items.length, "subscription")}, ${needy ? `${number(needy)} ${needy === 1 ? "needs" : "need"} attention` : "all well"}`;
}

function Table({ items }) {
  return html`<table class="rows">
    <thead><tr>${COLUMNS.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
    <tbody>${items.map((item) => html`<tr key=${item.id}>
      <th scope="row"><${Link} query="subscription=${item.id}"><span dir="auto">${item.name}</span><//></th>
      <td data-label="State"><${State} status=${item.status} /></td>
      <td data-label="Mode">${item.mode}</td>
      <td data-label="Changes of" class="words" dir="auto">${inWords(item.filter)}</td>
      <td data-label="Lag" class="figure">${number(item.lag)}</td>
      <td data-label="Open" class="figure">${number(item.open)}</td>
      <td data-label="Dead" class="figure">${number(item.dead)}</td>
      <td data-label="Last success">${item.mode === "push" ? since(item.last_success_at) : "–"}</td>
      <td data-label="Last error">${item.last_error ?? "–"}</td>
    </tr>`)}</tbody>
  </table>`;
}
