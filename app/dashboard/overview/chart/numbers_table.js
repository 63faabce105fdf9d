// The numbers of the chart as a table: for screen readers, and for those who want to read them off.

import { number, spoken } from "../../common/format.js";
import { html, useState } from "../../common/preact.js";
import { save } from "../../common/download.js";
import { ScrollBox } from "../../common/scroll_box.js";
import { bucketName, groupName } from "./words.js";

const SHOWN = 12;

export function NumbersTable({ data }) {
  const [open, set] = useState(false);
  return html`<details class="numbers" open=${open} onToggle=${(event) => set(event.target.open)}>
    <summary>As a table</summary>
    ${open && html`<p><button type="button" class="button" onClick=${() => saveTable(data)}>Download this table (CSV)</button></p>
      <${ScrollBox} role="region" label="Numbers over time" rows=${SHOWN}><${Table} data=${data} /><//>`}
  </details>`;
}

// Each: the heading, the rows, and which of their numbers. Unless all are wanted, low and high are left out where no row has
// another number there than the best.
function columnsOf({ rows, measure, group, groups, others, second }, all = false) {
  const part = measure === "count" ? "count" : "best";
  const parts = (name, own) => {
    const told = ["low", "best", "high"].filter((one) => all || one === "best" || own.some((row) => row[one] !== row.best));
    return told.map((one) => [told.length > 1 ? `${spoken(name)}: ${one}` : spoken(name), own, one]);
  };
  return [
    ["Events", rows, "count"],
    ...(measure === "count" ? [] : parts(measure, rows)),
    ...(second ? parts(second.measure, second.rows) : []),
    ...groups.map(({ value, rows: own }) => [groupName(group, value), own, part]),
    ...(others ? [["others", others, part]] : []),
  ];
}

// Every bucket, with the instants of its ends; a mark of the byte order lets Excel read other letters than Latin ones.
function saveTable(data) {
  const columns = columnsOf(data, true);
  const safe = (text) => (/^[=+\-@\t]/.test(text) ? `'${text}` : text); // else a spreadsheet may run a name as a formula
  const cell = (text) => (/[",\n]/.test(text) ? `"${safe(text).replaceAll('"', '""')}"` : safe(text));
  const lines = [
    ["start", "end", ...columns.map(([head]) => head)],
    ...data.rows.map(({ start, end }, n) => [start, end, ...columns.map(([, own, one]) => String(own[n][one]))]),
  ];
  save(new Blob(["\ufeff", lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("")], { type: "text/csv" }), `sitrep-per-${data.interval}.csv`);
}

function Table({ data }) {
  const { rows, interval } = data;
  const columns = columnsOf(data);
  return html`<table>
    <thead><tr><th scope="col">From</th>${columns.map(([head]) => html`<th scope="col" dir="auto">${head}</th>`)}</tr></thead>
    <tbody>${rows.map((row, n) => row.count > 0 && html`<tr key=${row.start} data-start=${row.start}>
      <th scope="row">${bucketName(row, interval)}</th>${columns.map(([, own, one]) => html`<td>${number(own[n][one])}</td>`)}</tr>`)}</tbody>
  </table>`;
}
