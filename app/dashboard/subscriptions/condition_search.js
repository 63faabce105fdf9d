// Finds a condition by a word: values of all facets that events have now, so that nobody must know a facet's name.

import { plural, spoken } from "../common/format.js";
import { useApi } from "../common/hooks.js";
import { label } from "../common/labels.js";
import { html, useEffect, useId, useRef, useState } from "../common/preact.js";
import { FACETS, toRows } from "./filter_document.js";

const AFTER_MS = 300;
const SHORTEST = 2;
const SHOWN = 8;
const VALUES = "200";

// What has the word in it, the values that most events have first.
function search(facets, word, filter) {
  const wanted = word.toLowerCase();
  const found = Object.entries(facets).flatMap(([name, values]) => values
    .filter(({ value }) => value !== null && !filter[name]?.includes?.(value))
    .map(({ value, count }) => ({ name, value, count, text: `${spoken(name)}: ${label(name, value)}` })));
  return found.filter(({ text, value }) => text.toLowerCase().includes(wanted) || value.toLowerCase().includes(wanted))
    .sort((one, other) => other.count - one.count).slice(0, SHOWN);
}

// `typed` is what stands in the field, which the form holds; `fault` is what is wrong with leaving it there.
export function ConditionSearch({ filter, typed, onType, fault, onFound }) {
  const id = useId();
  const input = useRef(null);
  const [word, settle] = useState("");
  const [entered, enter] = useState(""); // the text at which Enter was pressed: it takes the first condition as soon as that is found
  useEffect(() => {
    const timer = setTimeout(() => settle(typed.trim()), AFTER_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const asks = word.length >= SHORTEST;
  const { change, ...events } = filter;
  const answer = useApi(asks ? "stats/facets" : null, [...FACETS.map((name) => ["facet", name]), ["limit", VALUES], ...toRows(events)]);
  const found = asks && answer.fresh ? search(answer.data.facets, word, filter) : [];
  const none = asks && answer.fresh && !found.length;
  const take = ({ name, value }) => {
    onFound(name, value);
    settle("");
    input.current.focus();
  };
  useEffect(() => {
    if (!answer.fresh || word !== entered || word !== typed.trim()) return;
    enter("");
    if (found.length) take(found[0]);
  });
  const press = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    settle(event.target.value.trim());
    enter(event.target.value.trim());
  };
  return html`<div class="finding">
    <label for=${id}>Find a condition</label>
    <input id=${id} ref=${input} type="search" value=${typed} placeholder="vessel, Kharkiv, European Union" autocomplete="off"
      aria-invalid=${fault ? "true" : null} aria-describedby=${fault ? `${id}-told` : null} onInput=${(event) => onType(event.target.value)} onKeyDown=${press} />
    ${fault && html`<p class="fault" id="${id}-told">${fault}</p>`}
    <ul aria-label="Conditions found">${found.map((one) => html`<li key="${one.name} ${one.value}">
      <button type="button" onClick=${() => take(one)}><span dir="auto">${one.text}</span> <span class="note">${plural(one.count, "event")}</span></button></li>`)}</ul>
    <p class="hint" role="status">${none ? "No event has such a value. Choose a name below and write the value yourself." : ""}</p>
  </div>`;
}
