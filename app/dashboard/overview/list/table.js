// The events as a grid of rows and chosen columns: sorted by its heads, walked by the arrow keys.

import { html, useLayoutEffect, useRef, useState } from "../../common/preact.js";
import { eventPage } from "./columns.js";
import { Mark } from "./entry.js";
import { chooseSort } from "./sort.js";
import { VirtualRows } from "./virtual_rows.js";

const ROW_PX = 52;
const PAGE_ROWS = 10;

const track = ({ width, grow }) => (grow ? `minmax(${width}rem, 1fr)` : `${width}rem`);

export function Table({ region, paged, pages, count, columns, sort, size, active, setActive }) {
  const [column, setColumn] = useState(0);
  const grid = useRef(null);
  const move = useRef(false);
  const at = Math.min(column, columns.length - 1);
  // Before the page is painted, so that the next key, however fast it comes, finds the focus moved.
  useLayoutEffect(() => {
    if (!move.current) return;
    move.current = false;
    const cell = grid.current.querySelector(`[data-index="${active}"] [aria-colindex="${at + 1}"]`);
    cell?.focus({ preventScroll: true });
    cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active, at]);

  const go = (index, to) => {
    move.current = true;
    setColumn(Math.max(0, Math.min(columns.length - 1, to)));
    setActive(Math.max(0, Math.min(count - 1, index)));
  };
  const focus = (cell, index) => {
    if (!cell) return;
    setColumn(Number(cell.getAttribute("aria-colindex")) - 1);
    setActive(index);
  };
  const press = (event) => {
    const cell = event.target.closest("[role=gridcell]");
    if (!cell || event.altKey || event.metaKey) return;
    const [index, here] = [Number(cell.parentElement.dataset.index), Number(cell.getAttribute("aria-colindex")) - 1];
    const keys = {
      ArrowDown: () => go(index + 1, here),
      ArrowUp: () => go(index - 1, here),
      ArrowRight: () => go(index, here + 1),
      ArrowLeft: () => go(index, here - 1),
      PageDown: () => go(index + PAGE_ROWS, here),
      PageUp: () => go(index - PAGE_ROWS, here),
      Home: () => go(event.ctrlKey ? 0 : index, 0),
      End: () => go(event.ctrlKey ? count - 1 : index, columns.length - 1),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  };

  const widths = columns.map(track).join(" ");
  const least = columns.reduce((sum, { width }) => sum + width, 0);
  return html`<div ref=${grid} class="grid" role="grid" aria-label="Events" aria-rowcount=${size < 0 ? -1 : size + 1} aria-colcount=${columns.length}
      aria-readonly="true" style=${{ "--columns": widths, minWidth: `${least}rem` }} onKeyDown=${press}>
    <div class="head" role="rowgroup"><div role="row" aria-rowindex="1">
      ${columns.map((one, n) => html`<${Head} key=${one.name} column=${one} index=${n} sort=${sort} />`)}
    </div></div>
    <${VirtualRows} role="rowgroup" region=${region} paged=${paged} of=${pages} count=${count} estimate=${ROW_PX} active=${active}
      keyOf=${(index) => pages.ids[index]} onView=${(first, last) => pages.view(first, last)}
      draw=${(index, place, current) => html`<${Row} ...${place} place=${place} row=${pages.row(index)} columns=${columns} at=${at} current=${current}
        onFocusIn=${(event) => focus(event.target.closest("[role=gridcell]"), index)} />`} />
  </div>`;
}

function Head({ column: { title, number, sort: by }, index, sort }) {
  const order = !by ? null : sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
  const next = order === "descending" ? by : `-${by}`;
  return html`<div role="columnheader" aria-colindex=${index + 1} aria-sort=${order} class=${number ? "number" : ""}>
    ${by ? html`<button type="button" class="plain" onClick=${() => chooseSort(next)}>
      ${title}<span class="arrow" aria-hidden="true">${{ ascending: "▲", descending: "▼" }[order] ?? "↕"}</span>
    </button>` : title}
  </div>`;
}

function Row({ place, row: { id, event, mark }, columns, at, current, onFocusIn }) {
  const index = place["data-index"];
  const said = { ...place, role: "row", "data-id": id, "aria-rowindex": index + 2, class: `tr ${event?.kind ?? "waiting"} ${mark ?? ""}` };
  const open = (pressed) => {
    if (pressed.key === "Enter") location.assign(eventPage(id));
  };
  return html`<div ...${said} onFocusIn=${onFocusIn} onKeyDown=${open}>
    ${columns.map((column, n) => html`<div key=${column.name} role="gridcell" aria-colindex=${n + 1} tabindex=${current && n === at ? 0 : -1}
        class=${column.number ? "number" : null} dir=${column.number ? null : "auto"}>
      ${n === 0 && html`<${Mark} mark=${mark} />`}${event ? column.cell(event) : n === 0 && !mark ? "Loading…" : ""}
    </div>`)}
  </div>`;
}
