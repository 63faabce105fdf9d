// The form that changes a subscription's name, filter and endpoint; nobody's change is overwritten unseen.

import { get, send } from "../common/api.js";
import { Dialog } from "../common/dialog.js";
import { useAction } from "../common/poll.js";
import { html, useRef, useState } from "../common/preact.js";
import { faultsAt, focusFault, otherFaults, TextField } from "./fields.js";
import { patchOf } from "./filter_document.js";
import { documentOf, EveryChange, FilterRows, rowsOf, useFilterRows } from "./filter_rows.js";
import { PushFields, pushDocument, pushFields, PUSH_PLACES } from "./push_fields.js";

const PLACES = ["/name", "/filter", ...PUSH_PLACES];

// `subscription` is the one to begin with; later states of it do not disturb what is typed.
export function SettingsForm({ subscription, onSaved, onClose }) {
  const [base, setBase] = useState(subscription);
  const [name, setName] = useState(base.name);
  const editor = useFilterRows(() => rowsOf(base.filter));
  const [push, setPush] = useState(() => pushFields(base.push));
  const [run, { busy, error }, clear] = useAction();

  const form = useRef(null);
  const filter = documentOf(editor.rows);
  const save = async (event) => {
    event.preventDefault();
    if (!editor.isWhole()) return focusFault(form);
    const before = Object.keys(base.push?.headers ?? {});
    const body = { name, filter: patchOf(base.filter, filter), ...(base.push ? { push: pushDocument(push, before) } : {}) };
    const headers = { "if-match": `"${base.version}"` };
    const saved = await run(() => send("PATCH", `subscriptions/${base.id}`, body, { headers }));
    if (saved) onSaved(saved);
    else focusFault(form);
  };
  const load = async () => {
    const current = await run(() => get(`subscriptions/${base.id}`));
    if (!current) return;
    setBase(current);
    setName(current.name);
    editor.change(rowsOf(current.filter));
    setPush(pushFields(current.push));
  };
  // Keep what is typed, and save it over the version that is there now.
  const keep = async () => {
    const current = await run(() => get(`subscriptions/${base.id}`));
    if (current) setBase(current);
    clear();
  };

  const isStale = error?.status === 412;
  const trouble = isStale ? null : otherFaults(error, PLACES);
  const moves = base.push && push.url.trim() !== base.push.url;
  return html`<${Dialog} title="Edit the subscription" wide onClose=${onClose}>
    <form ref=${form} onSubmit=${save} novalidate>
      <${TextField} label="Name" value=${name} faults=${faultsAt(error, "/name")} onInput=${setName} />
      <${FilterRows} ...${editor} error=${error} />
      ${base.push && html`<${PushFields} fields=${push} onChange=${setPush} error=${error} />`}
      ${moves && html`<p class="hint">A new address has to answer a signed ping before anything is sent to it.</p>`}
      ${isStale && html`<div class="trouble" role="alert" tabindex="-1">
        <p>Somebody changed this subscription while you were editing it. Nothing was saved, and what you typed is still here.</p>
        <p><button type="button" onClick=${keep}>Keep what I typed</button> <button type="button" onClick=${load}>Show the new state instead</button></p>
      </div>`}
      ${trouble && html`<p class="trouble" role="alert" tabindex="-1">${trouble}</p>`}
      <${EveryChange} filter=${filter} />
      <div class="actions"><button class="first" aria-disabled=${String(busy)}>${busy ? "Saving…" : "Save"}</button>
        <button type="button" onClick=${onClose}>Cancel</button></div>
    </form>
  <//>`;
}
