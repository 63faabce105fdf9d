// What choosing a value of a facet does to the filter.

import * as filter from "../../common/filter.js";

// The facets that events of every kind have; some values of the first two are always there, so nothing can be without them.
export const SHARED = ["kind", "status", "country", "admin1", "place", "actor", "actor_country", "initiator", "target_country", "publisher", "tag"];
export const NEVER_MISSING = ["kind", "status"];

// The values of a facet that are asked for, and those that are kept out.
export function chosenOf(name, pairs) {
  const start = `${name}:`;
  return {
    included: pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]),
    excluded: pairs.filter((pair) => pair[0] === "exclude" && pair[1].startsWith(start)).map((pair) => pair[1].slice(start.length)),
    missing: pairs.some((pair) => pair[0] === "missing" && pair[1] === name),
  };
}

// A function that sets a facet: {included, excluded, missing}, each as chosenOf() gives it. Another kind takes the filters with
// it that it does not know, which could only leave nothing.
export const changeFacet = (name, kinds) => (wanted) => {
  const others = (own, is) => filter.values(own).filter((value) => !is(value));
  const changes = {
    [name]: wanted.included,
    exclude: [...others("exclude", (value) => value.startsWith(`${name}:`)), ...wanted.excluded.map((value) => `${name}:${value}`)],
    missing: [...others("missing", (value) => value === name), ...(wanted.missing ? [name] : [])],
  };
  if (name === "kind") leaveOut(changes, strangers(kinds, wanted.included, filter.values("kind")));
  filter.change(changes);
};

// The facets and measures that none of the chosen kinds has; where none is chosen any more, those of the kinds before.
function strangers(kinds, chosen, before) {
  const names = (some) => some.flatMap((kind) => [...kind.facets.map((facet) => facet.name), ...kind.measures]);
  const known = new Set(names(kinds.filter(({ kind }) => chosen.includes(kind))));
  return names(chosen.length ? kinds : kinds.filter(({ kind }) => before.includes(kind))).filter((own) => !known.has(own));
}

function leaveOut(changes, names) {
  for (const own of names) Object.assign(changes, { [own]: "", [`${own}_min`]: "", [`${own}_max`]: "" });
  for (const own of ["measure", "compare"]) if (names.includes(filter.value(own))) changes[own] = "";
  changes.exclude = changes.exclude.filter((value) => !names.includes(value.split(":")[0]));
  changes.missing = changes.missing.filter((value) => !names.includes(value));
}
