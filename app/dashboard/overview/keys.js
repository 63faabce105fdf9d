// Keys that work anywhere on the dashboard but where one types, and the list of them.

import { html, useEffect } from "../common/preact.js";

const KEYS = [
  ["/", "search"], ["j", "next event"], ["k", "previous event"], ["Enter", "the event's page"], ["p", "pause or go on live"],
  ["c", "clear the filter"], ["?", "this list"],
];

// Listen for the keys that move about the page, and for `more`, a function by key.
export function useKeys(more) {
  useEffect(() => {
    const keys = { "/": search, ...more };
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

export function KeyHelp({ dialog }) {
  return html`<dialog id="keys" ref=${dialog} aria-labelledby="keys-title">
    <form method="dialog">
      <h2 id="keys-title">Keys</h2>
      <dl>${KEYS.map(([key, text]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
      <button class="first">Close</button>
    </form>
  </dialog>`;
}
