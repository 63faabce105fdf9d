// Puts the panels together: each gets the filter, and a number that grows when its data may have changed.

import * as filter from "../common/filter.js";
import { useApi, useFilter } from "../common/hooks.js";
import { html, useMemo } from "../common/preact.js";
import { Shell } from "../common/shell.js";
import { EventList } from "./event_list.js";
import { EventMap } from "./event_map.js";
import { FacetPanel } from "./facet_panel.js";
import { SourcesNote } from "./sources_note.js";
import { TimeChart } from "./time_chart.js";

export function Overview() {
  const given = useFilter();
  const pairs = useMemo(() => filter.asked(given), [given]);
  const measure = filter.value("measure") || "count";
  const live = { revision: 0, changes: new Map() };
  const count = useApi("events/count", pairs, live.revision);
  const shared = { pairs, measure, live };
  return html`<${Shell} page="">
    <${SourcesNote} />
    <p id="count" role="status">${count.data?.count}</p>
    <${FacetPanel} ...${shared} />
    <${TimeChart} ...${shared} />
    <${EventMap} ...${shared} />
    <${EventList} ...${shared} count=${count.data?.count} />
  <//>`;
}
