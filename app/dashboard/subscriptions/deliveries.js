// What was sent to an endpoint: deliveries by status, with their attempts and payloads, and a retry for each.

import { send } from "../common/api.js";
import { date } from "../common/format.js";
import { since, until } from "../common/freshness.js";
import { Panel } from "../common/panel.js";
import { useAction, usePages, usePolled } from "../common/poll.js";
import { Fragment, html, useState } from "../common/preact.js";
import { State } from "../common/state.js";
import { inWordsOfError } from "./health.js";
import { Pager } from "../common/pager.js";
import { Payload } from "./payload.js";

const STATUSES = ["queued", "sending", "retrying", "delivered", "dead", "cancelled"];
const COLUMNS = ["Change", "Status", "Attempts", "Made", "Next attempt", ""];

export function Deliveries({ subscription, onRetried }) {
  const [status, choose] = useState("");
  const [open, show] = useState(null);
  const answer = usePages(`subscriptions/${subscription.id}/deliveries`, [["limit", "25"], ...(status ? [["status", status]] : [])], 3000);
  const items = answer.data?.items ?? [];
  const tools = html`<label class="inline">Status <select value=${status} onChange=${(event) => choose(event.target.value)}>
    <option value="">all</option>${STATUSES.map((one) => html`<option>${one}</option>`)}</select></label>`;
  return html`<${Panel} id="deliveries" title="Deliveries" note="newest first" tools=${tools} answer=${answer}>
    ${items.length ? html`<table class="rows">
      <thead><tr>${COLUMNS.map((title) => html`<th scope="col">${title || html`<span class="unseen">Details</span>`}</th>`)}</tr></thead>
      <tbody>${items.map((item) => html`<${Fragment} key=${item.id}>
        <tr>
          <th scope="row" class="code">${item.change_id}</th>
          <td data-label="Status"><${State} status=${item.status} /></td>
          <td data-label="Attempts" class="figure">${item.attempt_count}</td>
          <td data-label="Made">${since(item.created_at)}</td>
          <td data-label="Next attempt">${item.next_attempt_at ? until(item.next_attempt_at) : "–"}</td>
          <td><button type="button" aria-expanded=${String(open === item.id)} aria-controls="d-${item.id}"
            onClick=${() => show(open === item.id ? null : item.id)}>Details<span class="unseen"> of ${item.change_id}</span></button></td>
        </tr>
        ${open === item.id && html`<tr class="details"><td colspan=${COLUMNS.length} id="d-${item.id}">
          <${Delivery} id=${item.id} cursor=${subscription.cursor} onRetried=${() => { answer.refresh(); onRetried(); }} />
        </td></tr>`}
      <//>`)}</tbody>
    </table>` : answer.data && html`<p class="nothing">${status ? `No delivery is ${status}.` : "Nothing has been sent yet. A delivery is made when a change matches the filter."}</p>`}
    <${Pager} ...${answer} what="deliveries" />
  <//>`;
}

function Delivery({ id, cursor, onRetried }) {
  const answer = usePolled(`deliveries/${id}`, [], 3000);
  const [run, { busy, error }] = useAction();
  const [said, say] = useState("");
  const [shown, show] = useState(false);
  if (!answer.data) return html`<p class="loading" role="status">${answer.error ? answer.error.message : "Loading…"}</p>`;
  const { attempts, change_id: change, status } = answer.data;
  const retry = async () => {
    const given = await run(() => send("POST", `deliveries/${id}/retry`));
    if (given) say(given.matched ? "It is sent again." : "It is on its way already.");
    answer.refresh();
    onRetried();
  };
  return html`
    ${attempts.length ? html`<table class="attempts">
      <thead><tr><th scope="col">Try</th><th scope="col">At</th><th scope="col">Answer</th><th scope="col">Took</th></tr></thead>
      <tbody>${attempts.map((attempt) => html`<tr key=${attempt.n}>
        <th scope="row">${attempt.n}</th><td>${date(attempt.at, "UTC", "instant")} UTC</td>
        <td>${attempt.error ? inWordsOfError(attempt.error, attempt.status_code) : attempt.status_code}</td><td>${attempt.duration_ms} ms</td>
      </tr>`)}</tbody></table>` : html`<p class="nothing">Not tried yet.</p>`}
    <div class="actions">
      <button type="button" aria-disabled=${String(busy)} onClick=${retry}>${status === "delivered" ? "Send it again" : "Retry now"}</button>
      <button type="button" aria-expanded=${String(shown)} onClick=${() => show(!shown)}>${shown ? "Hide the payload" : "Show the payload"}</button>
      <span class="outcome" role="status">${said}</span>
    </div>
    ${error && html`<p class="trouble" role="alert">${error.message}</p>`}
    ${shown && html`<${Payload} id=${change} cursor=${cursor} />`}`;
}
