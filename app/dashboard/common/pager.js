// The buttons between the pages of a list that is newest first.

import { html } from "../common/preact.js";

export function Pager({ older, newer, what }) {
  if (!older && !newer) return null;
  return html`<p class="pager"><button type="button" aria-disabled=${String(!newer)} onClick=${() => newer?.()}>Newer ${what}</button>
    <button type="button" aria-disabled=${String(!older)} onClick=${() => older?.()}>Older ${what}</button></p>`;
}
