// A row of buttons that is one stop of the Tab key, by the toolbar pattern of the ARIA Authoring Practices.

import { html, useLayoutEffect, useRef } from "./preact.js";

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

// Arrow keys, Home and End move among the buttons and links in it; Tab comes back to the one that had the focus last.
export function Toolbar({ label, children, ...rest }) {
  const bar = useRef(null);
  const last = useRef(null);
  const items = () => [...bar.current.querySelectorAll("button, a[href]")];
  const stop = (item) => {
    last.current = item;
    for (const one of items()) one.tabIndex = one === item ? 0 : -1;
  };
  useLayoutEffect(() => stop(items().includes(last.current) ? last.current : items()[0]));
  const press = (event) => {
    const step = STEPS[event.key];
    const all = items();
    const here = all.indexOf(event.target);
    if (step === undefined || here < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, here + step))].focus();
  };
  return html`<div ref=${bar} role="toolbar" aria-label=${label} ...${rest} onKeyDown=${press}
    onFocusIn=${(event) => items().includes(event.target) && stop(event.target)}>${children}</div>`;
}
