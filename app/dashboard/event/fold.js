// Long lists of an event: the first of them, and the rest at a press and on paper.

import { number } from "../common/format.js";
import { useMedia } from "../common/hooks.js";
import { html, useState } from "../common/preact.js";

const LINES = 10;
const WIDE = 5;

// [what to show of all, the button that shows more or fewer]; things that are `wide` take several lines each.
export function useFold(all, what, wide = false) {
  const [open, set] = useState(false);
  const paper = useMedia("print");
  const first = wide ? WIDE : LINES;
  const rest = all.length - first;
  if (rest <= 0) return [all, null];
  return [open || paper ? all : all.slice(0, first), html`<button type="button" class="plain fold" aria-expanded=${String(open)} onClick=${() => set(!open)}>
    ${open ? `only the first ${first}` : `and ${number(rest)} more`}<span class="unseen"> of: ${what}</span></button>`];
}
