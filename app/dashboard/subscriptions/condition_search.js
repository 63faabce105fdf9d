// Finds a condition by a word: values of all facets that events have now, so that nobody must know a facet's name.

import { plural, spoken } from "../common/format.js";
import { useApi } from "../common/hooks.js";
import { label } from "../common/labels.js";
import { html, useEffect, useId, useState } from "../common/preact.js";
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

export function ConditionSearch({ filter, onFound }) {
  const id = useId();
  const [typed, type] = useState("");
  const [word, settle] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => settle(typed.trim()), AFTER_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const asks = word.length >= SHORTEST;
  const { change, ...events } = filter;
  const answer = useApi(asks ? "stats/facets" : null, [...FACETS.map((name) => ["facet", name]), ["limit", VALUES], ...toRows(events)]);
  const found = asks && answer.fresh ? search(answer.data.facets, word, filter) : [];
  const take = (event, { name, value }) => {
    onFound(name, value);
    type("");
    settle("");
    event.target.closest(".finding").querySelector("input").focus();
  };
  return html`<div class="finding">
    <label for=${id}>Find a condition</label>
    <input id=${id} type="search" value=${typed} placeholder="vessel, Kharkiv, European Union" autocomplete="off" onInput=${(event) => type(event.target.value)}
      onKeyDown=${(event) => { if (event.key === "Enter") event.preventDefault(); }} />
    <ul aria-label="Conditions found">${found.map((one) => html`<li key="${one.name} ${one.value}">
      <button type="button" onClick=${(event) => take(event, one)}><span dir="auto">${one.text}</span> <span class="note">${plural(one.count, "event")}</span></button></li>`)}</ul>
    <p class="hint" role="status">${asks && answer.fresh && !found.length ? "No event has such a value. Choose a name below and write the value yourself." : ""}</p>
  </div>`;
}
