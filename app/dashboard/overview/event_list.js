// The events that match, as a list or as a table, with what can be done with them.

import { number, plural } from "../common/format.js";
import { useMedia } from "../common/hooks.js";
import { Panel } from "../common/panel.js";
import { html, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "../common/preact.js";
import { ScrollBox } from "../common/scroll_box.js";
import { say } from "../common/shell.js";
import { Actions } from "./list/actions.js";
import { columnsOf, defaultColumns, eventPage, storeColumns, storedColumns } from "./list/columns.js";
import { Entry } from "./list/entry.js";
import { EventPages } from "./list/event_pages.js";
import { Nothing } from "./list/nothing.js";
import { usePlace } from "./list/place.js";
import { chooseSort, currentSort, SORTS } from "./list/sort.js";
import { Table } from "./list/table.js";
import { ColumnsMenu, ViewSwitch } from "./list/view.js";
import { VirtualRows } from "./list/virtual_rows.js";

const ENTRY_PX = 190;
// Where the page scrolls the list, it ends after so many rows until more are wanted, so that one gets past it.
const FIRST_ROWS = 10;
const MORE_ROWS = 50;
const STORED_VIEW = "sitrep-view";

// The rows of a filter and an order, read anew when these change or at `reload()`.
function useEventPages(pairs, sort, live) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  const [round, reload] = useReducer((n) => n + 1, 0);
  const held = useRef(null);
  const question = JSON.stringify([pairs, sort, round]);
  if (held.current?.question !== question) {
    held.current?.pages.close();
    const pages = new EventPages(pairs, sort, () => { if (held.current?.pages === pages) redraw(); });
    held.current = { question, pages };
  }
  const { pages } = held.current;
  useEffect(() => { pages.readNext(); }, [pages]);
  useEffect(() => { if (live.changes.size) pages.apply(live.changes); }, [pages, live.changes]);
  useEffect(() => { if (live.needed && pages.length) pages.refresh(); }, [live.needed]);
  useEffect(() => () => held.current.pages.close(), []);
  return [pages, reload];
}

export function EventList({ pairs, live, count, kinds }) {
  const sort = currentSort();
  const [pages, reload] = useEventPages(pairs, sort, live);
  const [view, setView] = useState(() => localStorage.getItem(STORED_VIEW) ?? "list");
  const [chosenNames, setNames] = useState(storedColumns);
  const usual = useMemo(() => defaultColumns(pairs, kinds), [pairs, kinds]);
  const names = chosenNames ?? usual;
  const [activeId, setActiveId] = useState(null);
  const paged = !useMedia("(min-width: 60rem)");
  const [most, setMost] = useState(FIRST_ROWS);
  const shown = paged ? Math.min(most, pages.length) : pages.length;
  const region = useRef(null);
  const focusing = useRef(false);
  const active = activeId === null ? -1 : pages.indexOf(activeId);
  const setActive = (index) => setActiveId(pages.ids[index] ?? null);
  const size = pages.done ? pages.length : Math.max(count ?? -1, -1);

  const showRow = (index) => {
    if (index >= most) setMost(index + MORE_ROWS);
    setActive(index);
  };
  usePlace({ question: JSON.stringify([pairs, sort, view, paged]), pages, region, paged, show: showRow });

  // Keys may come faster than rows are drawn: the row that is to have the focus counts.
  const wanted = useRef(-1);
  const began = useRef(pages);
  if (!focusing.current) wanted.current = active;
  const focusRow = (index) => {
    focusing.current = true;
    wanted.current = Math.max(0, Math.min(pages.length - 1, index));
    showRow(wanted.current);
  };
  useLayoutEffect(() => {
    if (!focusing.current || active < 0) return;
    focusing.current = false;
    const row = region.current.querySelector(`[data-index="${active}"]`);
    const target = row?.matches("[role=row]") ? row.querySelector('[role=gridcell][tabindex="0"]') : row;
    target?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  });
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog, [role=dialog]")) return;
      if (event.key === "j" || event.key === "k") {
        event.preventDefault();
        focusRow(wanted.current < 0 ? 0 : wanted.current + (event.key === "j" ? 1 : -1));
      } else if (event.key === "Enter" && event.target.matches(".entry")) location.assign(eventPage(event.target.dataset.id));
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  useEffect(() => {
    if (pages === began.current) return; // what a place kept has set stays
    began.current = pages;
    region.current?.scrollTo(0, 0);
    setActiveId(null);
    setMost(FIRST_ROWS);
  }, [pages]);

  const show = (name) => { localStorage.setItem(STORED_VIEW, name); setView(name); };
  const choose = (chosen) => {
    const kept = chosen.join(" ") === usual.join(" ") ? null : chosen;
    storeColumns(kept);
    setNames(kept);
  };
  const showNew = () => {
    say(`${plural(pages.fresh.size, "new event")} shown.`);
    live.seen?.();
    reload();
    region.current.focus();
  };
  const answer = { data: pages.length || pages.done ? pages : null, error: pages.error, loading: pages.loading };
  const note = pages.length && !pages.done ? `${number(pages.length)} loaded` : "";
  return html`<${Panel} id="events" title="Events" note=${note} answer=${answer} tools=${html`
      <label class="sort"><span class="unseen">Order</span><select value=${sort} onChange=${(event) => chooseSort(event.target.value)}>
        ${SORTS.map(([name, title]) => html`<option value=${name}>${title}</option>`)}
      </select></label>
      ${view === "table" && html`<${ColumnsMenu} names=${names} onChange=${choose} />`}
      <${ViewSwitch} view=${view} onChange=${show} />`}>
    <${Actions} pairs=${pairs} count=${count} asOf=${pages.asOf} />
    ${pages.fresh.size > 0 && html`<button type="button" class="pill" onClick=${showNew}>${plural(pages.fresh.size, "new event")}</button>`}
    ${pages.done && !pages.length && html`<${Nothing} pairs=${pairs} kinds=${kinds} />`}
    <${ScrollBox} region=${region} id="event-rows" class="scroll ${view}" role="region" label=${view === "table" ? "Table of events" : "List of events"}>
      ${view === "table"
        ? html`<${Table} region=${region} paged=${paged} pages=${pages} count=${shown} columns=${columnsOf(names)} sort=${sort} size=${size}
            active=${active} setActive=${setActive} />`
        : html`<${VirtualRows} role="feed" aria-label="Events" aria-busy=${String(pages.loading)} region=${region} paged=${paged} of=${pages} count=${shown}
            estimate=${ENTRY_PX} active=${active} keyOf=${(index) => pages.ids[index]} onView=${(first, last) => pages.view(first, last)}
            onFocusIn=${(event) => { const id = event.target.closest(".entry")?.dataset.id; if (id) setActiveId(id); }}
            draw=${(index, place, current) => html`<${Entry} key=${place.key} row=${pages.row(index)} place=${place} size=${size} current=${current} />`} />`}
      ${pages.loading && html`<p class="loading" role="status">Loading more events…</p>`}
      ${pages.error && html`<p class="trouble">The next events could not be read. <button type="button" class="plain"
        onClick=${() => pages.readNext()}>Try again</button></p>`}
      ${shown < pages.length && html`<p class="end"><button type="button" class="button" onClick=${() => focusRow(shown)}>Show more events</button></p>`}
      ${pages.done && shown > 0 && shown === pages.length && html`<p class="end">That is all: ${plural(pages.length, "event")}.</p>`}
    <//>
  <//>`;
}
