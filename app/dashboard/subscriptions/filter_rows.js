// The editor of a filter: a row for each name and value, what it means in words, and how many events it matches now.

import { address } from "../common/api.js";
import { plural, spoken } from "../common/format.js";
import { useApi } from "../common/hooks.js";
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "../common/preact.js";
import { ConditionSearch } from "./condition_search.js";
import { faultsAt } from "./fields.js";
import { FACETS, inWords, NAMES, toDocument, toRows } from "./filter_document.js";

const COUNT_AFTER_MS = 500;
const SUGGESTED = "100";
const HINTS = {
  since: "2025-09-01, or with a time: 2025-09-01T06:00:00Z",
  until: "2025-10-01, or with a time: 2025-10-01T06:00:00Z",
  bbox: "west,south,east,north: 22,44,41,53",
  near: "latitude,longitude: 50.45,30.52; needs radius_km",
  radius_km: "0 to 1000",
  q: "words, “quoted phrases”, prefix*",
  exclude: "facet:value, such as country:RU",
  missing: "a facet, such as place",
  change: "created, updated or deleted",
  timezone: "Europe/Kyiv",
};

// Rows are {key, name, value}: the key keeps each in place, and the focus in it, while others come and go.
let last = 0;
export const newRow = (name = "", value = "") => ({ key: ++last, name, value });
export const rowsOf = (filter) => toRows(filter).map(([name, value]) => newRow(name, value));
export const documentOf = (rows) => toDocument(rows.map(({ name, value }) => [name, value]));

export function FilterRows({ rows, onChange, error }) {
  const added = useRef(null);
  const set = (key, part) => onChange(rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  const filter = documentOf(rows);
  const add = () => {
    const row = newRow();
    added.current = row.key;
    onChange([...rows, row]);
  };
  const take = (event, key) => {
    const fieldset = event.target.closest("fieldset");
    onChange(rows.filter((row) => row.key !== key));
    fieldset.querySelector(".add").focus();
  };
  return html`<fieldset class="filter-rows">
    <legend>Filter</legend>
    <p class="hint">The same name twice means either value; different names must all hold. No row means every change.</p>
    <${ConditionSearch} filter=${filter} onFound=${(name, value) => onChange([...rows, newRow(name, value)])} />
    ${rows.map((row) => html`<${Row} key=${row.key} row=${row} isNew=${row.key === added.current} filter=${filter}
      faults=${faultsOf(error, rows, row)} onChange=${(part) => set(row.key, part)} onTake=${(event) => take(event, row.key)} />`)}
    <button type="button" class="add" onClick=${add}>Add a condition</button>
    <${Meaning} filter=${filter} />
  </fieldset>`;
}

// Faults of a row: those of its value in the array of its name, or of the name as a whole at the first row that has it.
function faultsOf(error, rows, row) {
  const same = rows.filter((one) => one.name === row.name && one.value.trim() !== "");
  const place = same.indexOf(row);
  if (place < 0) return [];
  const own = faultsAt(error, `/filter/${row.name}/${place}`);
  const whole = (error?.problem?.errors ?? []).filter((fault) => fault.pointer === `/filter/${row.name}`).map((fault) => fault.detail);
  return place === 0 ? [...own, ...whole] : own;
}

function Row({ row, isNew, filter, faults, onChange, onTake }) {
  const id = useId();
  const select = useRef(null);
  const [looks, look] = useState(false);
  useLayoutEffect(() => { if (isNew) select.current.focus(); }, []); // before the next key, however fast it comes
  const suggests = looks && FACETS.includes(row.name);
  const others = Object.fromEntries(Object.entries(filter).filter(([name]) => name !== row.name && name !== "change"));
  const known = useApi(suggests ? "stats/facets" : null, [["facet", row.name], ["limit", SUGGESTED], ...toRows(others)]);
  const values = suggests ? known.data?.facets?.[row.name] ?? [] : [];
  return html`<div class="row">
    <select ref=${select} aria-label="Name" value=${row.name} onChange=${(event) => onChange({ name: event.target.value })}>
      <option value="">Choose…</option>
      ${NAMES.map((name) => html`<option value=${name}>${spoken(name)}</option>`)}
    </select>
    <input aria-label="Value of ${row.name ? spoken(row.name) : "the condition"}" list="${id}-values" value=${row.value} autocomplete="off" spellcheck="false" dir="auto"
      aria-describedby="${id}-told" aria-invalid=${faults.length ? "true" : null} placeholder=${HINTS[row.name] ?? ""}
      onFocus=${() => look(true)} onInput=${(event) => onChange({ value: event.target.value })} />
    <datalist id="${id}-values">${values.filter(({ value }) => value !== null).map(({ value, count }) => html`<option value=${value}>${plural(count, "event")}</option>`)}</datalist>
    <button type="button" aria-label="Remove the condition ${spoken(row.name)} ${row.value}" onClick=${onTake}>Remove</button>
    <p id="${id}-told" class=${faults.length ? "fault" : "hint"}>${faults.join(" ")}</p>
  </div>`;
}

// What the filter says, and how many events it has now, a moment after the last key.
function Meaning({ filter }) {
  const [settled, settle] = useState(filter);
  const text = JSON.stringify(filter);
  useEffect(() => {
    const timer = setTimeout(() => settle(filter), COUNT_AFTER_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const { change, ...events } = settled;
  const pairs = toRows(events);
  const count = useApi("events/count", pairs);
  const current = count.fresh && !count.error && JSON.stringify(settled) === text;
  return html`<p class="meaning"><strong>Changes of:</strong> <span dir="auto">${inWords(filter)}</span>.
    ${current && html` <a href=${address("", pairs)}>${plural(count.data.count, "event")} match${count.data.count === 1 ? "es" : ""} now</a>.`}</p>`;
}
