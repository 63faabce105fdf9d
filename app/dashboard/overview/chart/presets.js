// Lengths of time up to now, one press each.

import * as filter from "../../common/filter.js";
import { html } from "../../common/preact.js";
import { Toolbar } from "../../common/toolbar.js";

export function Presets() {
  const period = filter.value("period");
  const one = (text, name, pressed) => html`
    <button type="button" key=${text} aria-pressed=${String(pressed)} onClick=${() => filter.change({ period: name })}>${text}</button>`;
  return html`<${Toolbar} class="segments presets" label="Length of time">
    ${Object.entries(filter.PERIODS).map(([name, [, text]]) => one(text, name, period === name))}
    ${one("All", "", !filter.value("since") && !filter.value("until"))}
  <//>`;
}
