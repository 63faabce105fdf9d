// A box that scrolls: it has a name, keys reach it, and a shadow lies at each edge beyond which there is more.

import { html, useLayoutEffect, useRef } from "./preact.js";

// `region` is a ref for the element that scrolls, if others need it; `rows` is how many rows of a table it shows, all of them whole.
export function ScrollBox({ region, rows, label, role = "group", children, ...rest }) {
  const own = useRef(null);
  const box = region ?? own;
  useLayoutEffect(() => {
    const scrolled = box.current;
    let waiting = 0;
    const tell = () => measure(scrolled, rows);
    const later = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; tell(); }); };
    const watch = new ResizeObserver(later);
    for (const one of [scrolled, ...scrolled.children]) watch.observe(one);
    scrolled.addEventListener("scroll", later, { passive: true });
    tell();
    return () => { cancelAnimationFrame(waiting); watch.disconnect(); scrolled.removeEventListener("scroll", later); };
  });
  return html`<div class="edges">
    <div ref=${box} tabindex="0" role=${role} aria-label=${label} ...${rest} class="scroll-box ${rest.class ?? ""}">${children}</div>
  </div>`;
}

function measure(box, rows) {
  const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight, offsetWidth, offsetHeight } = box;
  const { dataset, style } = box.parentElement;
  const more = { left: scrollLeft, right: scrollWidth - clientWidth - scrollLeft, below: scrollHeight - clientHeight - scrollTop };
  dataset.more = Object.keys(more).filter((edge) => more[edge] > 1).join(" ");
  style.setProperty("--bar-right", `${offsetWidth - clientWidth}px`);
  style.setProperty("--bar-below", `${offsetHeight - clientHeight}px`);
  const last = rows && box.querySelectorAll("tbody tr")[rows - 1];
  const most = last && last.getBoundingClientRect().bottom - last.closest("table").getBoundingClientRect().top + offsetHeight - clientHeight;
  style.setProperty("--most", last ? `${Math.ceil(most)}px` : "none");
}
