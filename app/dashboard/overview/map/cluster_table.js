// The largest clusters as a table, for those who do not see the map, and where there is no map.

import { number, plural, range, spoken } from "../../common/format.js";
import { html, useEffect, useState } from "../../common/preact.js";
import { ScrollBox } from "../../common/scroll_box.js";
import { kindName } from "./marks.js";
import { spokenPlace } from "./mercator.js";
import { countryAt, outlines } from "./outlines.js";

const ROWS = 20;
const SHOWN = 10;

export function ClusterTable({ clusters, kinds, measure, open, onOpen, onZoom, onList }) {
  const [land, setLand] = useState(null);
  useEffect(() => { if (open && !land) outlines().then((shapes) => setLand(shapes.land), () => {}); }, [open]);
  const names = kinds.map(([kind]) => kind);
  return html`<details class="numbers" open=${open} onToggle=${(event) => onOpen(event.currentTarget.open)}>
    <summary>As a table</summary>
    ${open && html`<${ScrollBox} label="The largest places of this view" rows=${SHOWN}>
      <table>
        <caption class="unseen">The largest ${plural(Math.min(ROWS, clusters.length), "place")} of ${number(clusters.length)} in this view</caption>
        <thead><tr><th scope="col">Place</th><th scope="col">Events</th>${measure !== "count" && html`<th scope="col">${spoken(measure)}</th>`}
          ${names.length > 1 && names.map((kind) => html`<th scope="col" key=${kind}>${kindName(kind)}</th>`)}<th scope="col"><span class="unseen">What to do</span></th></tr></thead>
        <tbody>${clusters.slice(0, ROWS).map((cluster) => html`<${Row} key=${cluster.key} ...${{ cluster, names, measure, land, onZoom, onList }} />`)}</tbody>
      </table>
    <//>
    ${clusters.length > ROWS && html`<p class="hint">The ${ROWS} largest of ${number(clusters.length)} places in this view; zoom in for others.</p>`}`}
  </details>`;
}

function Row({ cluster, names, measure, land, onZoom, onList }) {
  const at = [cluster.lon, cluster.lat];
  const place = `${(land && countryAt(land, at)) || "Sea or coast"}, ${spokenPlace(at, 1)}`;
  const of = (kind) => cluster.kinds.find(([name]) => name === kind)?.[1] ?? 0;
  return html`<tr>
    <th scope="row">${place.replaceAll("° ", "°\u00a0")}</th><td>${number(cluster.count)}</td>${measure !== "count" && html`<td>${range(cluster)}</td>`}
    ${names.length > 1 && names.map((kind) => html`<td key=${kind}>${number(of(kind))}</td>`)}
    <td><button type="button" class="plain" aria-label="Zoom to ${place}" onClick=${() => onZoom(cluster)}>Zoom</button>
      <button type="button" class="plain" aria-label="List the events at ${place}" onClick=${() => onList(cluster)}>List</button></td>
  </tr>`;
}
