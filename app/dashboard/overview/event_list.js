// The events that match, as a list or as a table, with what can be done with them.

import { Panel } from "../common/panel.js";
import { html } from "../common/preact.js";

export function EventList({ pairs, measure, live }) {
  return html`<${Panel} id="events" title="Events"><//>`;
}
