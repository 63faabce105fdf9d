// The form that makes a subscription, filled with the filter that the address brings.

import { send } from "../common/api.js";
import { useAction } from "../common/poll.js";
import { html, useRef, useState } from "../common/preact.js";
import { Choice, faultsAt, focusFault, otherFaults, TextField } from "./fields.js";
import { inWords } from "./filter_document.js";
import { documentOf, EveryChange, FilterRows, newRow, useFilterRows } from "./filter_rows.js";
import { PushFields, pushDocument, pushFields, PUSH_PLACES } from "./push_fields.js";
import { newPlace, placeOf, StartField } from "./start_field.js";

const MODES = [
  ["push", "Push", "Sitrep posts each change to your server, and tries again until it is taken."],
  ["pull", "Pull", "Your program fetches and acknowledges; nothing has to listen."],
];
const STARTS = [
  ["now", "Now", "with the next change"],
  ["oldest", "The oldest change", "everything there is comes first"],
  ["time", "A time", ""],
  ["cursor", "A cursor", ""],
];
const PLACES = ["/name", "/mode", "/start", "/filter", ...PUSH_PLACES];
const LONGEST_NAME = 300;
const MISSING = "Say where to begin.";

// A name for the request, so that one which is sent twice makes one subscription.
const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function CreateForm({ pairs, onCreated, onCancel }) {
  const editor = useFilterRows(() => pairs.map(([name, value]) => newRow(name, value)));
  const filter = documentOf(editor.rows);
  const [name, setName] = useState("");
  const [mode, setMode] = useState("push");
  const [place, setPlace] = useState(newPlace);
  const [push, setPush] = useState(() => pushFields(null));
  const [asks, setAsks] = useState(false);
  const [run, { busy, error }] = useAction();
  const sent = useRef({ text: "", token: "" });
  const form = useRef(null);

  const submit = async (event) => {
    event.preventDefault();
    const start = placeOf(place);
    const whole = editor.isWhole();
    setAsks(start === null);
    if (!whole || start === null) return focusFault(form);
    const body = { name: name.trim() || [...inWords(filter)].slice(0, LONGEST_NAME).join(""), mode, filter, start, ...(mode === "push" ? { push: pushDocument(push) } : {}) };
    const text = JSON.stringify(body);
    if (sent.current.text !== text) sent.current = { text, token: token() };
    const made = await run(() => send("POST", "subscriptions", body, { headers: { "idempotency-key": sent.current.token } }));
    if (made) onCreated(made);
    else focusFault(form);
  };

  const trouble = otherFaults(error, PLACES);
  return html`<form class="panel sheet" ref=${form} onSubmit=${submit} novalidate aria-labelledby="view-title">
    <h1 id="view-title" tabindex="-1">New subscription</h1>
    <${FilterRows} ...${editor} error=${error} />
    <${Choice} title="How changes reach you" value=${mode} options=${MODES} onChange=${setMode} faults=${faultsAt(error, "/mode")} />
    ${mode === "push" && html`<${PushFields} fields=${push} onChange=${setPush} error=${error} />`}
    <${StartField} title="Begin with" place=${place} options=${STARTS} onChange=${setPlace} faults=${asks ? [MISSING] : faultsAt(error, "/start")} />
    <${TextField} label="Name" value=${name} faults=${faultsAt(error, "/name")} placeholder=${inWords(filter)} hint="What it is for. Left empty, it is the filter in words." onInput=${setName} />
    ${trouble && html`<p class="trouble" role="alert" tabindex="-1">${trouble}</p>`}
    <${EveryChange} filter=${filter} />
    <div class="actions"><button class="first" aria-disabled=${String(busy)}>${busy ? "Creating…" : "Create the subscription"}</button>
      <button type="button" onClick=${onCancel}>Cancel</button></div>
  </form>`;
}
