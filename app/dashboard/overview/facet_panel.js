// The filter: words, time, and each facet with its values and counts.

import { Panel } from "../common/panel.js";
import { html } from "../common/preact.js";

export function FacetPanel({ pairs, measure, live }) {
  return html`<${Panel} id="filters" title="Filter"><//>`;
}
