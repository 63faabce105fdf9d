// The filter: the page's query string, in the API's own names, so that a link to the page is a question to the API.

const PAGE_ONLY = new Set(["measure"]);
const NOT_FOR_US = new Set(["limit", "cursor", "sort", "format", "as_of", "changed_since", "interval", "group_by", "facet"]);
const listeners = [];

export const pairs = () => [...new URLSearchParams(location.search)].filter(([name]) => !NOT_FOR_US.has(name));

// What the API is asked: all but what concerns this page alone.
export const asked = () => pairs().filter(([name]) => !PAGE_ONLY.has(name));

export const value = (name) => pairs().find((pair) => pair[0] === name)?.[1] ?? "";

export const values = (name) => pairs().filter((pair) => pair[0] === name).map((pair) => pair[1]);

// Put these names in place of what they were; an empty value takes the name away.
export function change(changes) {
  const kept = pairs().filter(([name]) => !(name in changes));
  const added = Object.entries(changes).flatMap(([name, given]) => [given].flat().map((one) => [name, one]));
  go([...kept, ...added.filter(([, given]) => given !== "" && given !== null)]);
}

export function drop(name, given) {
  const gone = name === "near" || name === "radius_km" ? ["near", "radius_km"] : [name];
  go(pairs().filter((pair) => !(gone.includes(pair[0]) && (pair[0] !== name || pair[1] === given))));
}

export const clear = () => go([]);

export const onChange = (listener) => listeners.push(listener);

function go(next) {
  const query = new URLSearchParams(next).toString();
  if (query === new URLSearchParams(pairs()).toString()) return;
  history.pushState(null, "", query ? `?${query}` : location.pathname);
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}

addEventListener("popstate", tell);
