// Every source, the stale ones first: when it last succeeded, what it brought, and what keeps it from being current.

import { date, number } from "../common/format.js";
import { ago, duration, since, summary, until, worst } from "../common/freshness.js";
import { Panel } from "../common/panel.js";
import { usePolled } from "../common/poll.js";
import { html } from "../common/preact.js";
import { State } from "../common/state.js";

const COLUMNS = ["Source", "State", "Last success", "Newest event", "Every", "Next run", "Last problem"];

export function SourceTable() {
  const answer = usePolled("sources", [], 15000);
  const items = (answer.data?.items ?? []).toSorted((one, other) => other.stale - one.stale);
  return html`<div class="head"><h1>Sources</h1></div>
    <${Panel} id="sources" title="Freshness" answer=${answer}>
      ${answer.data && html`<p id="freshness" class="explained" data-state=${worst(items)} role="status">${summary(items)}</p>`}
      ${items.length > 0 && html`<table class="rows">
        <thead><tr>${COLUMNS.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
        <tbody>${items.map((source) => html`<${Row} key=${source.name} source=${source} />`)}</tbody>
      </table>
      <p class="hint">A source is stale when for three of its intervals no run of it has succeeded and no file has come in; GDELT always has news, so there only a new file counts. One that was never taken in counts from when it was set up.</p>`}
    <//>`;
}

function Row({ source }) {
  const { since_last_success_s: success, since_newest_event_s: newest } = source.freshness;
  const told = source.stale ? (source.state === "ok" ? "stale" : `stale, ${source.state}`) : source.state;
  return html`<tr>
    <th scope="row">${source.name}<br /><span class="hint">${source.type}${source.dataset && source.dataset !== source.type ? ` · ${source.dataset}` : ""}${source.version ? ` · ${source.version}` : ""}</span></th>
    <td data-label="State"><${State} status=${source.stale ? "stale" : source.state}>${told}<//></td>
    <td data-label="Last success"><span title=${source.last_success_at ?? ""}>${ago(success)}</span></td>
    <td data-label="Newest event"><span>${source.newest_event_at ? `${date(source.newest_event_at, "UTC", "instant")} UTC (${ago(newest)})` : "none"}${source.rows === null ? "" : `; ${number(source.rows)} rows last`}</span></td>
    <td data-label="Every">${duration(source.interval_s)}</td>
    <td data-label="Next run">${nextRun(source)}</td>
    <td data-label="Last problem" class="words"><span dir="auto">${source.last_problem ? `${since(source.last_problem_at)}: ${source.last_problem}` : "none"}</span></td>
  </tr>`;
}

// When it is due; a run that is long overdue has nobody to make it.
function nextRun({ state, stale, interval_s: interval, next_run_at: due }) {
  if (state === "running") return "running";
  const late = due ? (Date.now() - Date.parse(due)) / 1000 : stale ? Infinity : 0;
  if (late > interval) return `${due ? `was due ${since(due)}` : "is due"}: no “sitrep sync” is running`;
  return due ? until(due) : "now";
}
