// What can be done with the events that match: save them, share, follow and cite them.

import { address, get } from "../../common/api.js";
import { download } from "../../common/download.js";
import { CopyButton } from "../../common/copy_button.js";
import * as filter from "../../common/filter.js";
import { sentence } from "../../common/panel.js";
import { html, useRef, useState } from "../../common/preact.js";
import { Toolbar } from "../../common/toolbar.js";
import { CiteDialog } from "./cite_dialog.js";
import { FeedDialog } from "./feed_dialog.js";

// Each: what it is called, the `format` of the export with its other parameters, how a file's name ends.
const FILES = [
  ["CSV", [["format", "csv"]], "csv"],
  ["Excel CSV", [["format", "csv"], ["excel", "true"]], "csv"],
  ["GeoJSON", [["format", "geojson"]], "geojson"],
  ["Parquet", [["format", "parquet"]], "parquet"],
  ["GeoParquet", [["format", "geoparquet"]], "geoparquet"],
  ["NDJSON", [["format", "ndjson"]], "ndjson"],
];

const NOTHING = "No event matches, so the file would be empty.";
const NOWHERE = "No event that matches has coordinates, so the file would be empty. The other formats have them all.";

const today = () => new Date().toISOString().slice(0, 10);
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

export function Actions({ pairs, count, asOf }) {
  const [dialog, open] = useState(null);
  const [running, run] = useState(null);
  const [failed, fail] = useState(null);
  const stopping = useRef(null);
  const lasting = filter.lasting();
  const period = filter.value("period");
  const save = async (name, format, ending) => {
    if (running) return;
    stopping.current = new AbortController();
    const { signal } = stopping.current;
    run({ name, bytes: 0 });
    fail(null);
    try {
      // What has no coordinates is not in this one; GeoParquet has it without a geometry.
      if (ending === "geojson" && !(await get("stats/grid", [...pairs, ["zoom", "0"]], { signal })).cells.length) {
        throw new Error(count === 0 ? NOTHING : NOWHERE);
      }
      await download("events/export", [...pairs, ...format], `sitrep-${today()}.${ending}`, { signal, onBytes: (bytes) => run({ name, bytes }) });
    } catch (error) {
      if (!signal.aborted) fail(`${name}: ${sentence(error)}`);
    }
    run(null);
  };
  return html`<div class="actions">
    <${Toolbar} label="Download all that match">
      <span class="soft">Download</span>
      ${FILES.map(([name, format, ending]) => html`
        <button type="button" class="button" aria-disabled=${running !== null} onClick=${() => save(name, format, ending)}>${name}</button>`)}
    <//>
    <${Toolbar} label="Share, follow, cite">
      <${CopyButton} text=${location.href} label="Copy link" />
      <button type="button" class="button" onClick=${() => open("feed")}>Atom feed</button>
      <a class="button" href=${address("subscriptions", lasting.length ? lasting : [["new", "1"]])}>Webhook from this filter</a>
      <button type="button" class="button" onClick=${() => open("cite")}>Cite</button>
    <//>
    ${period && html`<p class="hint">The link keeps the period “${filter.PERIODS[period][2]}”, which moves with time. A file has the events of that period as it is now. An Atom feed and a webhook go on by themselves, so they leave the period out.</p>`}
    <p class="running" role="status">${running && html`${running.name}: ${running.bytes ? size(running.bytes) : "waiting for the server"}… <button type="button" class="plain" onClick=${() => stopping.current.abort()}>Stop</button>`}</p>
    ${failed && html`<p class="trouble" role="alert">${failed}</p>`}
    ${dialog === "feed" && html`<${FeedDialog} pairs=${pairs} onClose=${() => open(null)} />`}
    ${dialog === "cite" && html`<${CiteDialog} pairs=${pairs} count=${count} asOf=${asOf} onClose=${() => open(null)} />`}
  </div>`;
}
