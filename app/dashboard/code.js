// The same view for programs: each address of the API with the filter as it is.

import { address } from "./api.js";
import { find, make } from "./dom.js";

const CALLS = [
  ["List", "events", []],
  ["Count", "events/count", []],
  ["CSV", "events/export", [["format", "csv"]]],
  ["NDJSON", "events/export", [["format", "ndjson"]]],
  ["GeoJSON", "events/export", [["format", "geojson"]]],
  ["Feed", "feed", []],
  ["Stream", "feed/stream", []],
];

export function show(pairs) {
  const base = new URL(".", location.href);
  find("#code dl").replaceChildren(...CALLS.map(([name, path, extra]) => {
    const url = new URL(address(path, [...pairs, ...extra]), base);
    return make("div", {}, make("dt", {}, name), make("dd", {}, make("a", { href: url.href, target: "_blank" }, url.pathname + url.search)));
  }));
}
