// The versions of the event, newest first, each with what it changed.

import { get } from "../common/api.js";
import { date, plural, spoken } from "../common/format.js";
import { Panel, sentence } from "../common/panel.js";
import { html, useEffect, useState } from "../common/preact.js";
import { ScrollBox } from "../common/scroll_box.js";
import { diff, itemName } from "./diff.js";
import { fieldName, Value } from "./fields.js";

const PAGE = 50;

export function History({ id, answer, shown, day }) {
  const [older, add] = useState({ items: [], next: null, of: null });
  const [failed, fail] = useState(null);
  const first = answer.data;
  const extra = older.of === first ? older : { items: [], next: first?.next ?? null };
  const items = [...(first?.items ?? []), ...extra.items];
  const more = async () => {
    fail(null);
    try {
      const page = await get(`events/${id}/revisions`, [["limit", PAGE], ["cursor", extra.next]]);
      add({ items: [...extra.items, ...page.items], next: page.next, of: first });
    } catch (error) {
      fail(error);
    }
  };
  return html`<${Panel} id="history" title="History" note=${items.length ? plural(items[0].version, "version") : ""} answer=${answer}>
    <form class="as-of" onSubmit=${showDay}><label>What it said at the end of <input type="date" name="as_of" required value=${day} /></label> (UTC) <button class="button">Show that day</button></form>
    <ol class="versions">
      ${items.map((revision) => html`<${Revision} key=${revision.version} id=${id} revision=${revision} current=${revision.version === shown} />`)}
    </ol>
    ${failed && html`<p class="trouble" role="alert">${sentence(failed)}</p>`}
    ${extra.next && html`<button type="button" class="button" onClick=${more}>Older versions</button>`}
  <//>`;
}

// The page's policy lets no form be sent, not even here.
function showDay(event) {
  event.preventDefault();
  location.search = new URLSearchParams({ as_of: event.target.elements.as_of.value });
}

function Revision({ id, revision: { version, operation, at, by, cursor, changed }, current }) {
  const [open, setOpen] = useState(false);
  const said = { created: "first recorded", updated: "changed", deleted: "deleted" }[operation] ?? spoken(operation);
  return html`<li aria-current=${current ? "true" : null}>
    <p><a href="?version=${version}">Version ${version}</a>, ${said} <time datetime=${at}>${date(at, "UTC", "instant")} UTC</time>
      ${by && html` by <bdi>${by}</bdi>`} <code>${cursor}</code>${current && html` <span class="mark">shown here</span>`}</p>
    ${operation === "updated" && version > 1 && html`<details onToggle=${(event) => setOpen(event.target.open)}>
      <summary>What changed${changed.length ? html`<span class="soft">: ${changedWords(changed)}</span>` : ""}</summary>
      ${open && html`<${Changes} id=${id} version=${version} />`}
    </details>`}
  </li>`;
}

const stepsOf = (pointer) => pointer.split("/").slice(1).filter((step) => step !== "detail" && !/^\d+$/.test(step));
const changedWords = (pointers) => [...new Set(pointers.map((pointer) => stepsOf(pointer).map(fieldName).join(" ")))].join(", ");

function Changes({ id, version }) {
  const [state, set] = useState({ changes: null, error: null, zone: null });
  useEffect(() => {
    const asking = new AbortController();
    const ask = (number) => get(`events/${id}`, [["version", number]], { signal: asking.signal });
    Promise.all([ask(version - 1), ask(version)]).then(
      ([before, after]) => set({ changes: diff(before, after), error: null, zone: after.timezone }),
      (error) => { if (!asking.signal.aborted) set({ changes: null, error }); },
    );
    return () => asking.abort();
  }, [id, version]);
  const { changes, error, zone } = state;
  if (error) return html`<p class="trouble" role="alert">${error.status === 410 ? "The text of that version is gone." : sentence(error)}</p>`;
  if (!changes) return html`<p class="loading" role="status">Loading…</p>`;
  if (!changes.length) return html`<p class="nothing">Nothing that a reader sees.</p>`;
  return html`<${ScrollBox} class="wide-table" label="What version ${version} changed"><table class="changes">
    <thead><tr><th scope="col">Field</th><th scope="col">Version ${version - 1}</th><th scope="col">Version ${version}</th></tr></thead>
    <tbody>${changes.map((change, n) => html`<${Change} key=${n} ...${change} zone=${zone} />`)}</tbody>
  </table><//>`;
}

function Change({ path, kind, from, to, zone }) {
  const name = path.findLast((step) => typeof step === "string") ?? "";
  const cell = (value, tag) => (value === undefined || value === null
    ? html`<span class="soft">nothing</span>`
    : html`<${tag}><${Value} name=${name} value=${value} zone=${zone} /><//>`);
  return html`<tr class=${kind}>
    <th scope="row" dir="auto">${pathWords(path)}${kind === "reordered" && html`<span class="soft">, in another order</span>`}</th>
    <td>${cell(from, "del")}</td><td>${cell(to, "ins")}</td>
  </tr>`;
}

// munitions › Shahed-136 › launched
function pathWords(path) {
  const steps = path.filter((step, n) => n || step !== "detail")
    .map((step) => (typeof step === "string" ? fieldName(step) : isNamed(step) ? itemName(step) : null));
  return steps.filter((step) => step !== null).join(" › ");
}

const isNamed = ({ item }) => item !== null && typeof item === "object";
