// Where changes are sent and how many at once, and headers of one's own, as fields of a form.

import { html, useRef } from "../common/preact.js";
import { faultsAt, TextField } from "./fields.js";

const KEPT = "***";
const NUMBERS = [
  ["max_open", "Unfinished at most", "The cursor waits while so many deliveries are unfinished; 1 keeps strict order. Default 100."],
  ["max_in_flight", "Sent at once", "Default 4."],
  ["timeout_s", "Seconds to answer", "For a whole request. Default 15, at most 60."],
];

let last = 0;
const newHeader = (name = "", value = "") => ({ key: ++last, name, value });

// The fields for what the API gave, or for a new endpoint.
export const pushFields = (push) => ({
  url: push?.url ?? "",
  max_open: String(push?.max_open ?? ""),
  max_in_flight: String(push?.max_in_flight ?? ""),
  timeout_s: String(push?.timeout_s ?? ""),
  headers: Object.entries(push?.headers ?? {}).map(([name, value]) => newHeader(name, value)),
});

// Their JSON, for an empty number the API's default. For a patch, `before` has the names of the headers there were.
export function pushDocument(fields, before = null) {
  const found = { url: fields.url.trim() };
  for (const [name] of NUMBERS) {
    const text = fields[name].trim();
    if (text) found[name] = /^\d+$/.test(text) ? Number(text) : text;
    else if (before) found[name] = null;
  }
  const rows = fields.headers.filter((row) => row.name.trim());
  const names = new Set(rows.map((row) => row.name.trim().toLowerCase()));
  const gone = (before ?? []).filter((name) => !names.has(name.toLowerCase())).map((name) => [name, null]);
  found.headers = Object.fromEntries([...gone, ...rows.map((row) => [row.name.trim(), row.value])]);
  return found;
}

// What these fields show faults of.
export const PUSH_PLACES = ["/push"];

export function PushFields({ fields, onChange, error }) {
  const set = (part) => onChange({ ...fields, ...part });
  const own = (name) => faultsAt(error, `/push/${name}`);
  const whole = (error?.problem?.errors ?? []).filter((fault) => fault.pointer === "/push").map((fault) => fault.detail);
  return html`
    <${TextField} label="Address of your endpoint" type="url" inputmode="url" value=${fields.url} faults=${[...own("url"), ...whole]} autocomplete="off" spellcheck="false"
      placeholder="https://desk.example.org/sitrep" hint="Sitrep posts each change there, signed. A signed ping has to be answered with 2xx first." onInput=${(url) => set({ url })} />
    <details class="more" open=${NUMBERS.some(([name]) => own(name).length) || own("headers").length > 0 || null}>
      <summary>Pace and own headers</summary>
      <div class="numbers-row">${NUMBERS.map(([name, label, hint]) => html`<${TextField} key=${name} label=${label} hint=${hint} inputmode="numeric"
        value=${fields[name]} faults=${own(name)} onInput=${(value) => set({ [name]: value })} />`)}</div>
      <${HeaderRows} rows=${fields.headers} faultsOf=${(name) => own(`headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`)} whole=${error} onChange=${(headers) => set({ headers })} />
    </details>`;
}

function HeaderRows({ rows, faultsOf, whole, onChange }) {
  const place = useRef(null);
  const set = (key, part) => onChange(rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  const about = (whole?.problem?.errors ?? []).filter((fault) => fault.pointer === "/push/headers").map((fault) => fault.detail);
  const take = (key) => {
    onChange(rows.filter((row) => row.key !== key));
    place.current.focus();
  };
  return html`<fieldset class="header-rows">
    <legend>Own headers</legend>
    <p class="hint">Such as a token for a gateway; up to 10. Values are sealed and never shown again: ${KEPT} keeps what is stored.</p>
    ${rows.map((row) => {
      const faults = faultsOf(row.name.trim());
      return html`<div class="row" key=${row.key}>
        <input aria-label="Name of the header" value=${row.name} placeholder="Authorization" autocomplete="off" spellcheck="false" aria-invalid=${faults.length ? "true" : null}
          onInput=${(event) => set(row.key, { name: event.target.value })} />
        <input aria-label="Value of the header" value=${row.value} placeholder="Bearer …" autocomplete="off" spellcheck="false" aria-invalid=${faults.length ? "true" : null}
          onInput=${(event) => set(row.key, { value: event.target.value })} />
        <button type="button" aria-label="Remove the header ${row.name}" onClick=${() => take(row.key)}>Remove</button>
        ${faults.length > 0 && html`<p class="fault">${faults.join(" ")}</p>`}
      </div>`;
    })}
    ${about.length > 0 && html`<p class="fault">${about.join(" ")}</p>`}
    <button type="button" ref=${place} onClick=${() => onChange([...rows, newHeader()])}>Add a header</button>
  </fieldset>`;
}
