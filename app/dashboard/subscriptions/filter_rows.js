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
const CHANGES = ["created", "updated", "deleted"].map((value) => ({ value }));
const HALF = { name: "Choose a name for this value, or remove it.", value: "Write a value, or remove this condition." };
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

const isHalf = ({ name, value }) => (name === "") !== (value.trim() === "");

// A filter as a form holds it: its rows, and what is typed in the search for more. `isWhole()` tells whether all of it is a
// condition, so that nothing is left out unseen; what is not is told until somebody changes it.
export function useFilterRows(first) {
  const [rows, setRows] = useState(first);
  const [sought, setSought] = useState("");
  const [told, tell] = useState(false);
  const changes = (set) => (given) => { set(given); tell(false); };
  return {
    rows, sought, told,
    change: changes(setRows),
    seek: changes(setSought),
    isWhole() {
      const whole = sought.trim() === "" && !rows.some(isHalf);
      tell(!whole);
      return whole;
    },
  };
}

export function FilterRows({ rows, sought, told, change: onChange, seek, error }) {
  const added = useRef(null);
  const set = (key, part) => onChange(rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  const filter = documentOf(rows);
  const add = (name = "") => {
    const row = newRow(name);
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
    <${ConditionSearch} filter=${filter} typed=${sought} onType=${seek} fault=${told && sought.trim() && `“${sought.trim()}” is not a condition yet: choose one below, or empty the field.`}
      onFound=${(name, value) => { onChange([...rows, newRow(name, value)]); seek(""); }} />
    ${rows.map((row) => html`<${Row} key=${row.key} row=${row} isNew=${row.key === added.current} filter=${filter}
      faults=${told && isHalf(row) ? [row.name ? HALF.value : HALF.name] : faultsOf(error, rows, row)} onChange=${(part) => set(row.key, part)} onTake=${(event) => take(event, row.key)} />`)}
    <button type="button" class="add" onClick=${() => add()}>Add a condition</button>
    <${Meaning} filter=${filter} onNarrow=${() => add("change")} />
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
  const input = useRef(null);
  useLayoutEffect(() => { if (isNew) (row.name ? input : select).current.focus(); }, []); // before the next key, however fast it comes
  const suggests = looks && FACETS.includes(row.name);
  const others = Object.fromEntries(Object.entries(filter).filter(([name]) => name !== row.name && name !== "change"));
  const known = useApi(suggests ? "stats/facets" : null, [["facet", row.name], ["limit", SUGGESTED], ...toRows(others)]);
  const values = row.name === "change" ? CHANGES : suggests ? known.data?.facets?.[row.name] ?? [] : [];
  return html`<div class="row">
    <select ref=${select} aria-label="Name" aria-invalid=${faults.length && !row.name ? "true" : null} aria-describedby="${id}-told" value=${row.name} onChange=${(event) => onChange({ name: event.target.value })}>
      <option value="">Choose…</option>
      ${NAMES.map((name) => html`<option value=${name}>${spoken(name)}</option>`)}
    </select>
    <input ref=${input} aria-label="Value of ${row.name ? spoken(row.name) : "the condition"}" list="${id}-values" value=${row.value} autocomplete="off" spellcheck="false" dir="auto"
      aria-describedby="${id}-told" aria-invalid=${faults.length && row.name ? "true" : null} placeholder=${HINTS[row.name] ?? ""}
      onFocus=${() => look(true)} onInput=${(event) => onChange({ value: event.target.value })} />
    <datalist id="${id}-values">${values.filter(({ value }) => value !== null).map(({ value, count }) => html`<option value=${value}>${count === undefined ? "" : plural(count, "event")}</option>`)}</datalist>
    <button type="button" aria-label="Remove the condition ${spoken(row.name)} ${row.value}" onClick=${onTake}>Remove</button>
    <p id="${id}-told" class=${faults.length ? "fault" : "hint"}>${faults.join(" ")}</p>
  </div>`;
}

// What the filter says, and how many events it has now, a moment after the last key.
function Meaning({ filter, onNarrow }) {
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
    ${current && html` <a href=${address("", pairs)}>${plural(count.data.count, "event")} match${count.data.count === 1 ? "es" : ""} now</a>.`}
    ${!filter.change && html`<br />A correction of an event is a change too: the condition “change” narrows it to what is created, updated or deleted.
      ${" "}<button type="button" class="plain" onClick=${onNarrow}>Add “change”</button>`}</p>`;
}

// Beside the button of a form: that a filter without a condition lets everything through.
export function EveryChange({ filter }) {
  const every = Object.keys(filter).every((name) => name === "timezone");
  const count = useApi(every ? "events/count" : null);
  return html`<p class="every" role="status">${every && html`<strong>Without a condition it gets every change of every event</strong>${count.fresh && `: ${plural(count.data.count, "event")} now, and all to come`}.`}</p>`;
}
