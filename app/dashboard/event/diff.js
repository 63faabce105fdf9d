// What differs between two versions of an event: values by their place in words, items of lists by what they are.

const IGNORED = new Set(["version", "updated_at"]); // every version has its own
const NAMING = [
  "event_id", "external_id", "name", "url", "publisher", "title", "model", "measure", "field", "category", "system", "key", "actor", "type",
  "issue", "id",
];
const LEAST_ALIKE = 0.34;
const MAX_PAIRS = 40000; // of so many pairs of items each is weighed; of more, only those of one name

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isEmpty = (value) => value === null || value === undefined
  || (Array.isArray(value) && !value.length)
  || (isObject(value) && Object.values(value).every(isEmpty));
export const isEstimate = (value) => isObject(value) && "best" in value && "low" in value && "high" in value;

// The same text for the same value, whatever the order of its keys.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  return `{${Object.keys(value).filter((key) => !isEmpty(value[key])).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}

// The changes from one event to another: [{path, kind, from, to}...]. `path` has the names of fields, and items of lists as
// {item, index}; `kind` is changed, added, removed or reordered (an item in another place of its list).
export function diff(before, after) {
  return compareObjects(before, after, []).filter(({ path }) => !(path.length === 1 && IGNORED.has(path[0])));
}

const compareObjects = (from, to, path) => [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((key) => compare(from[key], to[key], [...path, key]));

function compare(from, to, path) {
  if (isEmpty(from) && isEmpty(to)) return [];
  if (isEmpty(from)) return spread(to, path, "added");
  if (isEmpty(to)) return spread(from, path, "removed");
  if (canonical(from) === canonical(to)) return [];
  if (Array.isArray(from) && Array.isArray(to)) return compareLists(from, to, path);
  if (isObject(from) && isObject(to) && !isEstimate(from) && !isEstimate(to)) return compareObjects(from, to, path);
  return [{ path, kind: "changed", from, to }];
}

// A list that is all new is told item by item.
function spread(value, path, kind) {
  const told = (one, where) => (kind === "added" ? { path: where, kind, to: one } : { path: where, kind, from: one });
  if (Array.isArray(value) && value.some(isObject)) return value.map((item, index) => told(item, [...path, { item, index }]));
  return [told(value, path)];
}

function compareLists(from, to, path) {
  const pairs = match(from, to);
  const [left, right] = [new Set(pairs.map(([one]) => one)), new Set(pairs.map(([, other]) => other))];
  const inside = pairs.flatMap(([one, other]) => compare(from[one], to[other], [...path, { item: to[other], index: other }]));
  const gone = from.flatMap((item, index) => (left.has(index) ? [] : [{ path: [...path, { item, index }], kind: "removed", from: item }]));
  const come = to.flatMap((item, index) => (right.has(index) ? [] : [{ path: [...path, { item, index }], kind: "added", to: item }]));
  const ordered = pairs.map(([, other]) => other).every((other, n, all) => n === 0 || all[n - 1] < other);
  return [...inside, ...gone, ...come, ...(ordered ? [] : [{ path, kind: "reordered", from, to }])];
}

// Which item of the one list is which of the other: [[index, index]...] in the order of the first.
function match(from, to) {
  const [pairs, taken] = [[], new Set()];
  const places = new Map();
  to.forEach((item, index) => { const text = canonical(item); places.set(text, [...(places.get(text) ?? []), index]); });
  const rest = from.map((item, index) => index).filter((index) => {
    const same = places.get(canonical(from[index]))?.shift();
    if (same === undefined) return true;
    pairs.push([index, same]);
    taken.add(same);
    return false;
  });
  const open = to.map((item, index) => index).filter((index) => !taken.has(index));
  const few = rest.length * open.length <= MAX_PAIRS;
  const weighed = rest.flatMap((one) => open.flatMap((other) => {
    const alike = few || nameOf(from[one]) === nameOf(to[other]) ? likeness(from[one], to[other]) : 0;
    return alike >= LEAST_ALIKE ? [[alike, one, other]] : [];
  })).sort((a, b) => b[0] - a[0]);
  const used = new Set();
  for (const [, one, other] of weighed) {
    if (used.has(one) || taken.has(other)) continue;
    used.add(one);
    taken.add(other);
    pairs.push([one, other]);
  }
  return pairs.sort((a, b) => a[0] - b[0]);
}

// How much of two items is the same, 0 to 1; the same name counts for half, and another name against it.
function likeness(one, other) {
  if (!isObject(one) || !isObject(other)) return 0;
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => !isEmpty(one[key]) || !isEmpty(other[key]));
  const same = keys.filter((key) => canonical(one[key]) === canonical(other[key])).length / Math.max(1, keys.length);
  const [name, otherName] = [nameOf(one), nameOf(other)];
  if (name === null && otherName === null) return same;
  return (name === otherName ? 0.5 : 0) + same / 2;
}

function nameOf(item) {
  const key = NAMING.find((name) => typeof item?.[name] === "string");
  return key ? item[key] : null;
}

// What an item of a list is called: `Shahed-136`, or its number where it has no name.
export const itemName = ({ item, index }) => nameOf(item) ?? `item ${index + 1}`;
