// Draws only the rows that can be seen, however many there are; each keeps its element while it is near.

import { html, useEffect, useLayoutEffect, useReducer, useRef } from "../../common/preact.js";

const OVERSCAN_PX = 500;

// Heights of rows: measured where a row was drawn, else estimated.
class Heights {
  constructor(estimate) {
    this.estimate = estimate;
    this.known = [];
    this.tops = [0];
  }

  of(index) { return this.known[index] ?? this.estimate; }

  top(index) {
    for (let at = this.tops.length; at <= index; at++) this.tops[at] = this.tops[at - 1] + this.of(at - 1);
    return this.tops[index];
  }

  set(index, height) {
    this.known[index] = height;
    this.tops.length = Math.min(this.tops.length, index + 1);
  }

  // The row at a distance from the top.
  at(y, count) {
    let [low, high] = [0, Math.max(0, count - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

// `region` is the ref of the element that scrolls; `paged` tells that the page does in its place. `draw(index, place)` gives a row,
// which puts `place` into its attributes; `onView(first, last)` is told what can be seen; the row `active` stays drawn so that it keeps the focus.
export function VirtualRows({ region, paged, count, estimate, active, draw, keyOf, onView, of, ...rest }) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  const body = useRef(null);
  const heights = useRef(null);
  const made = useRef(null);
  if (made.current !== of) [heights.current, made.current] = [new Heights(estimate), of];
  const rows = heights.current;

  const above = !body.current ? 0 : paged ? -body.current.getBoundingClientRect().top : region.current.scrollTop - body.current.offsetTop;
  const top = Math.max(0, above);
  const height = paged ? innerHeight : region.current?.clientHeight ?? 800;
  const visible = [rows.at(top, count), rows.at(top + height, count)];
  const [first, last] = [rows.at(Math.max(0, top - OVERSCAN_PX), count), rows.at(top + height + OVERSCAN_PX, count)];
  const drawn = Array.from({ length: count ? last - first + 1 : 0 }, (_, n) => first + n);
  if (active >= 0 && active < count && active < first) drawn.unshift(active);
  if (active >= 0 && active < count && active > last) drawn.push(active);

  // Measure what is drawn; rows above that turn out taller must not push away what is read.
  useLayoutEffect(() => {
    let [pushed, changed] = [0, false];
    for (const element of body.current.children) {
      const index = Number(element.dataset.index);
      const measured = element.getBoundingClientRect().height;
      const before = rows.of(index);
      if (Math.abs(measured - before) < 0.5) continue;
      if (rows.top(index) + before <= top) pushed += measured - before;
      rows.set(index, measured);
      changed = true;
    }
    if (pushed) (paged ? window : region.current).scrollBy(0, pushed);
    if (changed) redraw();
  });
  useEffect(() => onView(...visible), [count, ...visible]);
  useEffect(() => {
    let waiting = 0;
    const later = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; redraw(); }); };
    const watch = new ResizeObserver(later);
    const scrolled = paged ? window : region.current;
    watch.observe(paged ? document.documentElement : scrolled);
    scrolled.addEventListener("scroll", later, { passive: true });
    return () => { cancelAnimationFrame(waiting); watch.disconnect(); scrolled.removeEventListener("scroll", later); };
  }, [paged]);

  const place = (index) => ({ "data-index": index, style: { transform: `translateY(${rows.top(index)}px)` } });
  return html`<div ref=${body} class="virtual" style=${{ height: `${count ? rows.top(count) : 0}px` }} ...${rest}>
    ${drawn.map((index) => draw(index, { key: keyOf(index), ...place(index) }, index === (active >= 0 ? active : visible[0])))}
  </div>`;
}
