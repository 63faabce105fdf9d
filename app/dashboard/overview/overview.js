// Puts the panels together: each gets the filter, and a number that grows when its data may have changed.

import * as filter from "../common/filter.js";
import { plural } from "../common/format.js";
import { useApi, useFilter, useLive } from "../common/hooks.js";
import { isTold } from "../common/panel.js";
import { html, useEffect, useMemo, useRef } from "../common/preact.js";
import { useRegionNames } from "../common/regions.js";
import { say, Shell } from "../common/shell.js";
import { Chips } from "./chips.js";
import { CodePanel } from "./code_panel.js";
import { EventList } from "./event_list.js";
import { EventMap } from "./event_map.js";
import { FacetPanel } from "./facet_panel.js";
import { KeyHelp, useKeys } from "./keys.js";
import { LiveButton } from "./live_button.js";
import { Refusal } from "./refusal.js";
import { SourcesNote } from "./sources_note.js";
import { TimeChart } from "./time_chart.js";

const NONE = [];

export function Overview() {
  const given = useFilter();
  const measure = filter.value("measure") || "count";
  const asked = filter.asked(given);
  const pairs = useMemo(() => asked, [new URLSearchParams(asked).toString()]);
  useRegionNames(given.some(([name, value]) => name === "admin1" || /^admin1/.test(value)));
  const live = useLive(pairs);
  const count = useApi("events/count", pairs, live.revision);
  const kinds = useApi("kinds").data?.items ?? NONE;
  const help = useRef(null);
  useKeys({ p: live.toggle, c: filter.clear, "?": () => help.current.showModal() });
  const shared = { pairs, measure, live, kinds };
  const counted = count.fresh ? count.data.count : null;
  useTitle(counted, pairs);
  const tools = html`
    <${LiveButton} live=${live} caughtUp=${!count.error && (count.revision ?? -1) >= live.needed} />
    <button type="button" class="round" aria-label="Keyboard keys" aria-haspopup="dialog" onClick=${() => help.current.showModal()}>?</button>`;
  return html`<${Shell} page="" tools=${tools} skips=${count.error ? [] : [["event-rows", "Skip to the list of events"]]}>
    <div class="board">
      <div class="head">
        <${SourcesNote} />
        <h1 id="count" aria-busy=${String(count.loading)}>${headline(count, counted)}</h1>
        <${Chips} pairs=${pairs} />
        ${count.error && !isTold(count.error) && html`<${Refusal} error=${count.error} pairs=${pairs} />`}
      </div>
      <div class="side"><${FacetPanel} ...${shared} /></div>
      <div class="charts">
        <${TimeChart} ...${shared} />
        <${EventMap} ...${shared} />
      </div>
      <div class="rows"><${EventList} ...${shared} count=${counted} /></div>
      <${CodePanel} pairs=${pairs} />
    </div>
    <${KeyHelp} dialog=${help} />
  <//>`;
}

function headline(count, counted) {
  if (counted !== null) return plural(counted, "event");
  return count.error ? "Events" : "Counting…";
}

// The count in the page's title; it is spoken once for each filter, not at each change.
function useTitle(counted, pairs) {
  const said = useRef(null);
  useEffect(() => {
    if (counted === null) return;
    document.title = `${plural(counted, "event")} · Sitrep`;
    if (said.current && said.current !== pairs) say(plural(counted, "event"));
    said.current = pairs;
  }, [counted, pairs]);
}
