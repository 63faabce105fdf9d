// What to do where no event matches: how a search is read, and which of its words are chosen elsewhere.

import * as filter from "../../common/filter.js";
import { or } from "../../common/format.js";
import { listed } from "../../common/freshness.js";
import { useApi } from "../../common/hooks.js";
import { label, title } from "../../common/labels.js";
import { html } from "../../common/preact.js";
import { isRegion, useRegionNames } from "../../common/regions.js";

const SHARED = ["country", "admin1", "kind", "status"]; // of those that every kind has, what a text may not have as a word
const VALUES = "200";
const SHORTEST = 3;
const GENERIC = /^(oblast|region|province)$/i;

export function Nothing({ pairs, kinds }) {
  const q = filter.value("q");
  return html`<p class="empty">No event matches${q ? html`: every word of the search must occur in it. <kbd>OR</kbd> between two words and <kbd>"quotes"</kbd> around a phrase are understood.
    ${" "}<${Elsewhere} words=${wordsOf(q)} pairs=${pairs} kinds=${kinds} />Take a word or a filter` : ". Take a filter"} off, or wait: new ones are told here.</p>`;
}

const wordsOf = (text) => [...new Set(text.match(/[\p{L}\p{M}\p{N}]+/gu))].filter((word) => word.length >= SHORTEST && !GENERIC.test(word));

// The words that are values of a facet, and where these are chosen.
function Elsewhere({ words, pairs, kinds }) {
  const names = [...new Set([...SHARED, ...kinds.flatMap((kind) => kind.facets.map((facet) => facet.name))])];
  const others = pairs.filter(([name]) => name !== "q");
  const answer = useApi(words.length ? "stats/facets" : null, [...others, ...names.map((name) => ["facet", name]), ["limit", VALUES]]);
  useRegionNames(true);
  if (!answer.fresh) return null;
  const is = (name, value, word) => value !== null
    && (name === "admin1" ? isRegion(value, word) : label(name, value).toLowerCase() === word.toLowerCase());
  const found = words.flatMap((word) => {
    const name = names.find((one) => answer.data.facets[one].some(({ value }) => is(one, value, word)));
    return name ? [`“${word}” under ${where(name, kinds)}`] : [];
  });
  return found.length > 0 && `The filter has ${listed(found)}. `;
}

// A facet of one kind alone is there once that kind is chosen.
function where(name, kinds) {
  const own = kinds.filter((kind) => kind.facets.some((facet) => facet.name === name)).map(({ kind }) => label("kind", kind));
  return own.length ? `${title(name)} (of the kind ${or(own)})` : title(name);
}
