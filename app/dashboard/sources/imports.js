// What was imported, newest first, with the problems of each import and a way to take it back.

import { send } from "../common/api.js";
import { Confirm } from "../common/confirm.js";
import { number, plural, spoken } from "../common/format.js";
import { since } from "../common/freshness.js";
import { useApi } from "../common/hooks.js";
import { Pager } from "../common/pager.js";
import { Panel } from "../common/panel.js";
import { usePages } from "../common/poll.js";
import { Fragment, html, useState } from "../common/preact.js";
import { ScrollBox } from "../common/scroll_box.js";
import { State } from "../common/state.js";

const COLUMNS = ["Import", "State", "Dataset", "What came of it", "By", "When", ""];
const COUNTED = ["created", "updated", "unchanged", "flagged", "refused", "skipped", "deleted"];
const SHOWN_PROBLEMS = 100;

// 12 created, 3 refused; what is nothing is not told.
function counts(found, names = COUNTED) {
  const told = names.filter((name) => found[name]).map((name) => `${number(found[name])} ${name}`);
  return told.length ? told.join(", ") : "nothing changed";
}

export function Imports({ mayUndo }) {
  const answer = usePages("imports", [["limit", "25"]], 15000);
  const [open, show] = useState(null);
  const [undoing, undo] = useState(null);
  const [said, say] = useState("");
  const items = answer.data?.items ?? [];
  const undone = (found) => {
    undo(null);
    say(`Import ${found.id} is taken back: ${counts(found.undo, ["deleted", "replaced", "restored", "left"])}.`);
    answer.refresh();
  };
  return html`<${Panel} id="imports" title="Imports" note="newest first" answer=${answer}>
    <p class="outcome" role="status">${said}</p>
    ${items.length ? html`<table class="rows">
      <thead><tr>${COLUMNS.map((title) => html`<th scope="col">${title || html`<span class="unseen">Details</span>`}</th>`)}</tr></thead>
      <tbody>${items.map((item) => html`<${Fragment} key=${item.id}>
        <tr>
          <th scope="row"><span dir="auto">${item.id}: ${item.file_name}</span></th>
          <td data-label="State"><${State} status=${item.undo ? "cancelled" : item.state}>${item.undo ? "taken back" : spoken(item.state)}<//></td>
          <td data-label="Dataset">${item.dataset}</td>
          <td data-label="What came of it">${counts(item)}</td>
          <td data-label="By"><span dir="auto">${item.by}</span></td>
          <td data-label="When">${since(item.started_at)}</td>
          <td>
            <button type="button" aria-expanded=${String(open === item.id)} onClick=${() => show(open === item.id ? null : item.id)}>
              Report<span class="unseen"> of import ${item.id}</span></button>
            ${mayUndo && !item.undo && html` <button type="button" class="danger" onClick=${() => undo(item)}>
              Take back<span class="unseen"> import ${item.id}</span></button>`}
          </td>
        </tr>
        ${open === item.id && html`<tr class="details"><td colspan=${COLUMNS.length}><${Report} id=${item.id} /></td></tr>`}
      <//>`)}</tbody>
    </table>` : answer.data && html`<p class="nothing">Nothing has been imported.</p>`}
    <${Pager} ...${answer} what="imports" />
  <//>
  ${undoing && html`<${Confirm} title="Take back import ${undoing.id}?" verb="Take it back" danger onClose=${() => undo(null)} onDone=${undone}
      work=${() => send("POST", `imports/${undoing.id}/undo`)}>
    <p>Every event of <strong dir="auto">${undoing.file_name}</strong> becomes as it was before, as new changes: ${counts(undoing, ["created", "updated", "deleted"])} is turned round. Events that changed since are left and told.</p>
  <//>`}`;
}

function Report({ id }) {
  const answer = useApi(`imports/${id}`);
  if (!answer.data) return html`<p class="loading" role="status">${answer.error ? answer.error.message : "Loading…"}</p>`;
  const { rows, problems, notes, undo } = answer.data;
  return html`
    <p>${plural(rows, "row")} read. ${notes.join(" ")}</p>
    ${undo?.problems.length > 0 && html`<p class="trouble">${undo.problems.join(" ")}</p>`}
    ${problems.length > 0 && html`<${ScrollBox} class="scrolled" role="region" label="Problems of import ${id}"><table class="attempts">
      <thead><tr><th scope="col">Line</th><th scope="col">Column</th><th scope="col">Problem</th><th scope="col">Value</th><th scope="col">What would do</th></tr></thead>
      <tbody>${problems.slice(0, SHOWN_PROBLEMS).map((problem, place) => html`<tr key=${place}>
        <td>${problem.line || "–"}</td><td>${problem.column ?? "–"}</td>
        <td>${problem.detail}${problem.flag ? ` (taken in, flagged ${problem.flag})` : ""}</td>
        <td dir="auto">${problem.value ?? "–"}</td><td>${problem.remedy ?? "–"}</td>
      </tr>`)}</tbody></table><//>
      ${problems.length > SHOWN_PROBLEMS && html`<p class="hint">The first ${SHOWN_PROBLEMS} of ${number(problems.length)}; all are in GET /v1/imports/${id}.</p>`}`}`;
}
