// One facet: its values with their counts, of which several may be chosen or kept out.

import { number } from "../../common/format.js";
import { useApi } from "../../common/hooks.js";
import { label, title } from "../../common/labels.js";
import { UNTIL_MENDED } from "../../common/panel.js";
import { html, useEffect, useId, useRef, useState } from "../../common/preact.js";
import { isRegion, regionsOf, useRegionNames } from "../../common/regions.js";
import { chosenOf, NEVER_MISSING } from "./choice.js";

const SHOWN = 8;
const MOST = 1000;
const UNKNOWN = { admin1: "No region of that name or code (ISO 3166-2)." };
const CODE = /^[a-z]{2}-[a-z0-9]{1,3}$/i;
const GUESSED = 8; // regions that no event has

export function Facet({ name, pairs, live, open, refused, counts, fetched, onOpen, onChange }) {
  const chosen = chosenOf(name, pairs);
  const set = chosen.included.length + chosen.excluded.length + Number(chosen.missing);
  return html`<details class="facet" data-facet=${name} open=${open} onToggle=${(event) => { if (event.target.open !== open) onOpen(event.target.open); }}>
    <summary>${title(name)}${set > 0 && html`<span class="note">${set} set</span>`}</summary>
    ${open && html`<${Values} ...${{ name, pairs, live, refused, counts, fetched, chosen, onChange }} />`}
  </details>`;
}

function Values({ name, pairs, live, refused, counts, fetched, chosen, onChange }) {
  const [sought, seek] = useState("");
  const [more, showMore] = useState(false);
  const [entered, enter] = useState(""); // a region that was entered before the names of regions were there
  const full = more || sought !== "";
  useRegionNames(name === "admin1");
  useEffect(() => {
    if (!entered) return;
    if (entered !== sought) enter("");
    else if (take(entered, { name, rows: rowsOf(name, counts ?? [], chosen, sought), chosen, onChange })) { enter(""); seek(""); }
  });
  const all = useApi(full && counts?.length === fetched ? "stats/facets" : null, [...pairs, ["facet", name], ["limit", MOST]], live.revision);
  if (!counts && refused) return html`<p class="loading">${UNTIL_MENDED}</p>`;
  if (!counts) return html`<p class="loading" role="status">Loading…</p>`;
  const known = (full && all.fresh && all.data?.facets[name]) || counts;
  const rows = rowsOf(name, known, chosen, sought);
  const shown = full ? rows : rows.filter(({ value }, n) => n < SHOWN || chosen.included.includes(value) || chosen.excluded.includes(value));
  const longest = Math.max(1, ...known.map(({ count }) => count));
  return html`
    ${(counts.length > SHOWN || name === "admin1") && html`<input type="search" class="seek" aria-label="Search ${title(name)}" placeholder="Search" value=${sought}
      onInput=${(event) => seek(event.target.value)} onKeyDown=${(event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        if (take(sought, { name, rows, chosen, onChange })) seek("");
        else enter(sought);
      }} />`}
    <${ValueList} name=${name} rows=${shown} chosen=${chosen} longest=${longest} onChange=${onChange} />
    ${sought && !rows.length && html`<p class="hint" role="status">${UNKNOWN[name] ?? "No such value. Enter asks for it all the same."}</p>`}
    ${known.length === MOST && full && html`<p class="hint">The ${number(MOST)} values of most events. Search asks for others by their whole name.</p>`}
    ${!sought && rows.length > SHOWN && html`<button type="button" class="plain" aria-expanded=${String(more)} onClick=${() => showMore(!more)}>
      ${more ? "Show fewer" : "Show more"}</button>`}`;
}

// What is chosen and no event has stands first; then what there is, by count.
function rowsOf(name, known, { included, excluded }, sought) {
  const found = new Set(known.map(({ value }) => value));
  const words = sought.toLocaleLowerCase("en");
  const has = (text) => text.toLocaleLowerCase("en").includes(words);
  const fits = (value) => has(value) || has(label(name, value)) || (name === "admin1" && isRegion(value, sought));
  const guessed = name === "admin1" && sought && !known.some(({ value }) => fits(value)) ? regionsOf(sought).slice(0, GUESSED) : [];
  const unseen = [...new Set([...included, ...excluded, ...guessed])].filter((value) => !found.has(value));
  return [...unseen.map((value) => ({ value })), ...known].filter(({ value }) => fits(value));
}

// The rows in the order that they had, while somebody is among them: a row that moved or went would take the focus with it.
function useSteadyOrder(rows, list) {
  const before = useRef([]);
  const held = list.current?.contains(document.activeElement) ? before.current : [];
  const now = new Map(rows.map((row) => [row.value, row]));
  const steady = [...held.map((value) => now.get(value) ?? { value }), ...rows.filter(({ value }) => !held.includes(value))];
  before.current = steady.map(({ value }) => value);
  return steady;
}

// Enter in the search takes the only value that fits, or the text as it stands, and tells whether there was any. A region's text
// must be a code: no event has its name.
function take(sought, { name, rows, chosen, onChange }) {
  const text = sought.trim();
  const named = rows.find((row) => [row.value, label(name, row.value)].some((one) => one.toLowerCase() === text.toLowerCase()));
  const value = named?.value ?? (rows.length === 1 ? rows[0].value : name === "admin1" && !CODE.test(text) ? "" : text);
  if (value && !chosen.included.includes(value)) {
    onChange({ ...chosen, included: [...chosen.included, value], excluded: chosen.excluded.filter((one) => one !== value) });
  }
  return Boolean(value);
}

// One row is a stop of the Tab key, with its box and its button: arrows go up and down, right to the button and left back.
function ValueList({ name, rows: given, chosen, longest, onChange }) {
  const [at, go] = useState("");
  const list = useRef(null);
  const rows = useSteadyOrder(given, list);
  const help = useId();
  const values = [...rows.map((row) => row.value), ...(NEVER_MISSING.includes(name) ? [] : [null])];
  const current = values.includes(at) ? at : values[0];
  const press = (event) => {
    const items = [...list.current.children];
    const here = items.indexOf(event.target.closest("li"));
    const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: items.length - 1 }[event.key];
    const target = next === undefined
      ? { ArrowRight: items[here].querySelector("button"), ArrowLeft: items[here].querySelector("input") }[event.key]
      : items[Math.max(0, Math.min(items.length - 1, next))].querySelector(event.target.matches("button") ? "button, input" : "input");
    if (!target) return;
    event.preventDefault();
    target.focus();
    go(values[items.indexOf(target.closest("li"))]);
  };
  const without = (all, value) => all.filter((one) => one !== value);
  const changed = (all, value, on) => (on ? [...all, value] : without(all, value));
  const include = (value, on) => onChange({
    ...chosen, included: changed(chosen.included, value, on), excluded: without(chosen.excluded, value),
  });
  const exclude = (value, on) => onChange({
    ...chosen, excluded: changed(chosen.excluded, value, on), included: without(chosen.included, value),
  });
  const stop = (value) => (value === current ? 0 : -1);
  return html`<p id=${help} class="unseen">Arrow keys move between values; the right arrow leads to the button that leaves a value out.</p>
    <ul class="values" ref=${list} aria-label=${title(name)} aria-describedby=${help} onKeyDown=${press}>
    ${rows.map(({ value, count }) => {
      const text = label(name, value);
      const out = chosen.excluded.includes(value);
      return html`<li key=${value} class=${out ? "out" : ""} onFocusIn=${() => go(value)}>
        <label><input type="checkbox" name=${name} value=${value} checked=${chosen.included.includes(value)} tabindex=${stop(value)}
          onChange=${(event) => include(value, event.target.checked)} /><span dir="auto">${text}</span></label>
        <span class="count">${count === undefined ? "" : number(count)}</span>
        <button type="button" class="not" tabindex=${stop(value)} aria-pressed=${String(out)} aria-label="Leave out ${text}" title="Leave out"
          onClick=${() => exclude(value, !out)}>≠</button>
        <svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width=${(100 * (count ?? 0)) / longest} height="1" /></svg>
      </li>`;
    })}
    ${!NEVER_MISSING.includes(name) && html`<li key="" class="missing" onFocusIn=${() => go(null)}>
      <label><input type="checkbox" name="missing" value=${name} checked=${chosen.missing} tabindex=${stop(null)}
        onChange=${(event) => onChange({ ...chosen, missing: event.target.checked })} /><span>without any</span></label>
    </li>`}
  </ul>`;
}
