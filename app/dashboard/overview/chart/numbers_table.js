// The numbers of the chart as a table: for screen readers, and for those who want to read them off.

import { number, spoken } from "../../common/format.js";
import { html, useState } from "../../common/preact.js";
import { bucketName, groupName } from "./words.js";

export function NumbersTable({ data }) {
  const [open, set] = useState(false);
  return html`<details class="numbers" open=${open} onToggle=${(event) => set(event.target.open)}>
    <summary>As a table</summary>
    ${open && html`<div class="rows" tabindex="0" role="region" aria-label="Numbers over time"><${Table} data=${data} /></div>`}
  </details>`;
}

function Table({ data }) {
  const { rows, interval, measure, group, groups, others } = data;
  const sums = measure === "count" ? [] : ["low", "best", "high"];
  const part = measure === "count" ? "count" : "best";
  const columns = [
    ["Events", rows, "count"],
    ...sums.map((one) => [`${spoken(measure)}: ${one}`, rows, one]),
    ...groups.map(({ value, rows: own }) => [groupName(group, value), own, part]),
    ...(others ? [["others", others, part]] : []),
  ];
  return html`<table>
    <thead><tr><th scope="col">From</th>${columns.map(([head]) => html`<th scope="col" dir="auto">${head}</th>`)}</tr></thead>
    <tbody>${rows.map((row, n) => row.count > 0 && html`<tr key=${row.start} data-start=${row.start}>
      <th scope="row">${bucketName(row, interval)}</th>${columns.map(([, own, one]) => html`<td>${number(own[n][one])}</td>`)}</tr>`)}</tbody>
  </table>`;
}
