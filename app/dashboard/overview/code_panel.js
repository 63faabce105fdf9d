// The same view for programs: each address of the API with the filter as it is.

import { address } from "../common/api.js";
import * as filter from "../common/filter.js";
import { key } from "../common/key_storage.js";
import { html } from "../common/preact.js";

const CALLS = [
  ["List", "events", []],
  ["Count", "events/count", []],
  ["CSV", "events/export", [["format", "csv"]]],
  ["NDJSON", "events/export", [["format", "ndjson"]]],
  ["GeoJSON", "events/export", [["format", "geojson"]]],
  ["Feed", "feed", []],
  ["Stream", "feed/stream", []],
];

export function CodePanel({ pairs }) {
  return html`<details class="code" id="code">
    <summary>Use this view from code</summary>
    <p class="hint">Where reading needs a key, send it as <code>Authorization: Bearer …</code>; it is never part of an address.</p>
    <dl>${CALLS.map(([name, path, extra]) => {
      const url = new URL(address(`v1/${path}`, [...(path.startsWith("feed") ? filter.lasting() : pairs), ...extra]));
      const text = url.pathname + url.search;
      return html`<div key=${name}><dt>${name}</dt><dd>${key() ? text : html`<a href=${url.href} target="_blank">${text}</a>`}</dd></div>`;
    })}</dl>
  </details>`;
}
