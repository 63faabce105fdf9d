// The state of something as a word with a mark; the colour only repeats it.

import { html } from "./preact.js";

export function State({ status, children = status }) {
  return html`<span class="state" data-state=${status}>${children}</span>`;
}
