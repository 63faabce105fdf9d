// Keys that work anywhere on the dashboard but where one types, and the list of them.

import { html, useEffect } from "../common/preact.js";

const KEYS = [["/", "search"], ["j", "next event"], ["k", "previous event"], ["p", "pause or go on live"], ["c", "clear the filter"], ["?", "this list"]];

// Listen for the keys that move about the page, and for `more`, a function by key.
export function useKeys(more) {
  useEffect(() => {
    const keys = { "/": search, j: () => move(1), k: () => move(-1), ...more };
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
      if (!Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

function search() {
  const field = document.querySelector('#filters [name="q"]');
  for (let at = field; at; at = at.parentElement) if (at.matches("details")) at.open = true;
  field.focus();
}

// Give the next or the previous event of the list the focus.
function move(step) {
  const items = [...document.querySelectorAll("#events [data-id]")];
  const now = items.indexOf(document.activeElement?.closest("#events [data-id]"));
  const next = items[Math.max(0, Math.min(items.length - 1, now < 0 ? 0 : now + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function KeyHelp({ dialog }) {
  return html`<dialog id="keys" ref=${dialog} aria-labelledby="keys-title">
    <form method="dialog">
      <h2 id="keys-title">Keys</h2>
      <dl>${KEYS.map(([key, text]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
      <button class="first">Close</button>
    </form>
  </dialog>`;
}
