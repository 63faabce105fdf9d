// Where the list is read, kept for Back and for a reload: its first row in sight, and how far the page was scrolled.

import { useEffect, useLayoutEffect, useRef } from "../../common/preact.js";

const STORED = "sitrep-place";
const FARTHEST = 1000; // rows that are read to come back to one
const ACTS = ["keydown", "pointerdown", "wheel"];

// The top edge of what one sees of the list, which scrolls in its box or with the page.
const edge = (region, paged) => (paged ? 0 : region.getBoundingClientRect().top);

function placeOf(region, paged) {
  const top = edge(region, paged);
  if (paged ? region.getBoundingClientRect().top >= 0 : region.scrollTop === 0) return null;
  const rows = [...region.querySelectorAll("[data-id]")].map((row) => ({ row, box: row.getBoundingClientRect() }));
  const [first] = rows.filter(({ box }) => box.bottom > top).sort((one, other) => one.box.top - other.box.top);
  return first ? { id: first.row.dataset.id, index: Number(first.row.dataset.index), offset: first.box.top - top, above: scrollY } : null;
}

function stored(question) {
  const came = performance.getEntriesByType("navigation")[0]?.type;
  const place = ["back_forward", "reload"].includes(came) ? JSON.parse(sessionStorage.getItem(STORED)) : null;
  return place?.question === question && place.index < FARTHEST ? place : null;
}

// `question` names what is listed; `show(index)` draws a row that is not in sight.
export function usePlace({ question, pages, region, paged, show }) {
  const kept = useRef(undefined);
  if (kept.current === undefined) kept.current = stored(question);
  useEffect(() => {
    const leave = () => {
      const place = region.current && placeOf(region.current, paged);
      sessionStorage.setItem(STORED, JSON.stringify(place && { question, ...place }));
    };
    addEventListener("pagehide", leave);
    return () => removeEventListener("pagehide", leave);
  }, [question, paged]);
  useLayoutEffect(() => {
    const place = kept.current;
    if (!place || !region.current) return;
    const index = pages.indexOf(place.id);
    const row = region.current.querySelector(`[data-index="${index}"]`);
    if (index >= 0 && !row) return void show(index);
    if (index < 0 && !pages.done && !pages.error && pages.length <= place.index) return void pages.readNext();
    kept.current = null;
    if (!row) return;
    if (!paged) scrollTo(0, place.above);
    hold(() => {
      const now = region.current?.querySelector(`[data-id="${place.id}"]`);
      if (!now) return void show(index);
      (paged ? window : region.current).scrollBy(0, now.getBoundingClientRect().top - edge(region.current, paged) - place.offset);
    });
  });
}

// What stands above the list comes later than its rows: put the row in its place again until somebody acts.
function hold(align) {
  const watch = new ResizeObserver(align);
  const end = () => {
    watch.disconnect();
    for (const name of ACTS) removeEventListener(name, end, true);
  };
  for (const name of ACTS) addEventListener(name, end, { capture: true, passive: true });
  watch.observe(document.body);
  align();
}
