// Chooses a stretch of time on the chart: by mouse at once, by touch and keys after a button or Enter.

import * as filter from "../../common/filter.js";
import { useEffect, useRef, useState } from "../../common/preact.js";

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

// {at, span, dragging, apply, drop, handlers}: the bucket looked at, and the first and last bucket chosen, or null. Buckets are
// remembered by their start, so that they stay themselves when a refresh brings others.
export function useBrush({ rows, interval }, drawn) {
  const [state, set] = useState({ at: null, from: null, to: null, dragging: false });
  const press = useRef(null);
  const index = (start) => (start === null ? -1 : rows.findIndex((row) => row.start === start));
  const [at, from, to] = [state.at, state.from, state.to].map(index);
  const span = from < 0 || to < 0 ? null : [Math.min(from, to), Math.max(from, to)];
  const drop = () => set((before) => ({ ...before, from: null, to: null, dragging: false }));
  const apply = (chosen = span) => {
    drop();
    filter.change(rangeOf(rows[chosen[0]], rows[chosen[1]], interval));
  };
  useEffect(() => drop(), [interval]);

  const where = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return rows[Math.max(0, drawn.index(event.clientX - box.left))].start;
  };
  const handlers = {
    onPointerDown(event) {
      if (event.button !== 0) return;
      press.current = { x: event.clientX, start: where(event), moved: false };
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove(event) {
      const start = where(event);
      const held = press.current;
      if (held && Math.abs(event.clientX - held.x) > 4) held.moved = true;
      set((before) => (held?.moved ? { at: start, from: held.start, to: start, dragging: true } : { ...before, at: start }));
    },
    onPointerUp(event) {
      const held = press.current;
      press.current = null;
      if (!held) return;
      const [first, last] = [index(held.start), index(where(event))].sort((one, other) => one - other);
      if (held.moved && event.pointerType === "mouse") apply([first, last]);
      else set({ at: where(event), from: rows[first].start, to: rows[last].start, dragging: false });
    },
    // The browser took the gesture to scroll the page: nothing is chosen.
    onPointerCancel() {
      press.current = null;
      drop();
    },
    // A finger leaves as soon as it is lifted: what it has tapped stays told.
    onPointerLeave(event) { if (!press.current && event.pointerType === "mouse") set((before) => ({ ...before, at: null })); },
    onBlur() { set((before) => ({ ...before, at: null })); },
    onKeyDown(event) {
      if (event.key === "Enter" && span) return apply();
      if (event.key === "Escape") return drop();
      const step = STEPS[event.key];
      if (step === undefined) return undefined;
      event.preventDefault();
      const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))].start;
      return set((before) => (event.shiftKey
        ? { at: next, from: before.from ?? before.at ?? next, to: next, dragging: false }
        : { ...before, at: next }));
    },
  };
  return { at: at < 0 ? null : at, span, dragging: state.dragging, apply: () => apply(), drop, handlers };
}

// The buckets as a filter: days where they begin and end with days, else instants.
function rangeOf(first, last, interval) {
  const cut = (text) => (interval === "hour" ? text : text.slice(0, 10));
  return { since: cut(first.start), until: cut(last.end) };
}
