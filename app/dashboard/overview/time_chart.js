// Events over time, by interval, kind or any facet.

import { Panel } from "../common/panel.js";
import { html } from "../common/preact.js";

export function TimeChart({ pairs, measure, live }) {
  return html`<${Panel} id="series" title="Over time"><//>`;
}
