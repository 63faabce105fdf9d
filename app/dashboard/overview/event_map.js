// The map: clusters of every located event that matches.

import { Panel } from "../common/panel.js";
import { html } from "../common/preact.js";

export function EventMap({ pairs, measure, live }) {
  return html`<${Panel} id="map" title="Places"><//>`;
}
