// Lengths of time up to now, one press each.

import * as filter from "../../common/filter.js";
import { addDays, dayIn } from "../../common/labels.js";
import { html } from "../../common/preact.js";
import { Toolbar } from "../../common/toolbar.js";

const HOUR_MS = 3600000;
const DAYS = [["7 d", 7], ["30 d", 30], ["1 y", 365]];

export function Presets() {
  const [since, until] = [filter.value("since"), filter.value("until")];
  const now = Date.now();
  const today = dayIn(now, filter.zone());
  const lastDay = since.length > 10 && Math.abs(now - Date.parse(since) - 24 * HOUR_MS) < HOUR_MS;
  const one = (text, set, pressed) => html`<button type="button" key=${text} aria-pressed=${String(!until && pressed)}
    onClick=${() => filter.change({ since: set(), until: "" })}>${text}</button>`;
  return html`<${Toolbar} class="segments presets" label="Length of time">
    ${one("24 h", () => `${new Date(Date.now() - 24 * HOUR_MS).toISOString().slice(0, 16)}:00Z`, lastDay)}
    ${DAYS.map(([text, days]) => one(text, () => addDays(today, -days), since === addDays(today, -days)))}
    ${one("All", () => "", !since)}
  <//>`;
}
