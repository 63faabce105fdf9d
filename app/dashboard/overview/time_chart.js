// Events over time, by interval, kind or any facet, or a measure of them with the band from low to high.

import * as filter from "../common/filter.js";
import { plural, range, spoken, sumOf } from "../common/format.js";
import { title } from "../common/labels.js";
import { isOfFilter, isTold, Panel, sentence } from "../common/panel.js";
import { html } from "../common/preact.js";
import { NumbersTable } from "./chart/numbers_table.js";
import { Plot } from "./chart/plot.js";
import { Presets } from "./chart/presets.js";
import { INTERVALS, useSeries } from "./chart/series.js";
import { SHARED } from "./facets/choice.js";

export function TimeChart({ pairs, measure, live, kinds }) {
  const interval = filter.value("interval");
  const compare = measure === "count" || filter.value("compare") === measure ? "" : filter.value("compare");
  const group = compare ? "" : filter.value("group_by");
  const series = useSeries({ pairs, measure, compare, interval, group, revision: live.revision });
  const shown = series.error && !isTold(series.error) && !isOfFilter(series.error); // by a part of its own, which has a way out
  return html`<${Panel} id="series" title="Over time" note=${series.data ? told(series.data) : ""} answer=${{ ...series, error: shown ? null : series.error }}
    tools=${html`<${Tools} ...${{ pairs, measure, compare, interval, group, kinds }} auto=${series.data?.interval} />`}>
    <${Presets} />
    ${shown && html`<${Trouble} error=${series.error} interval=${interval} />`}
    ${series.data?.rows.length === 0 && html`<p class="nothing">Nothing to draw: no event matches.</p>`}
    ${series.data?.rows.length > 0 && html`<${Plot} data=${series.data} /><${NumbersTable} data=${series.data} />`}
  <//>`;
}

// What is drawn, in numbers that the API gave.
function told({ rows, interval, measure, group, groups, others, second }) {
  const events = rows.reduce((sum, row) => sum + row.count, 0);
  const beside = second ? ` and ${range(sumOf(second.rows))} ${spoken(second.measure)}` : "";
  const what = measure === "count" ? plural(events, "event") : `${range(sumOf(rows))} ${spoken(measure)}${beside} in ${plural(events, "event")}`;
  const by = group && others ? `, the ${groups.length} largest groups by ${spoken(group)}` : group ? `, by ${spoken(group)}` : "";
  return `${what}, per ${interval}${by}`;
}

function Trouble({ error, interval }) {
  const longer = INTERVALS.slice(INTERVALS.indexOf(interval) + 1);
  const long = error.codes?.includes("too-many") && longer.length > 0;
  return html`<div class="trouble" role="alert"><p>${sentence(error)}</p>
    ${long && html`<p class="segments">
      ${longer.map((one) => html`<button type="button" key=${one} onClick=${() => filter.change({ interval: one })}>per ${one}</button>`)}
    </p>`}
  </div>`;
}

// What is counted, by which interval, and by which facet.
function Tools({ pairs, measure, compare, interval, group, kinds, auto }) {
  const chosen = kinds.filter(({ kind }) => pairs.some(([name, value]) => name === "kind" && value === kind));
  const some = chosen.length ? chosen : kinds;
  const measures = [...new Set([...some.flatMap((kind) => kind.measures), ...(measure === "count" ? [] : [measure])])];
  const facets = [...new Set([...SHARED, ...(chosen.length === 1 ? chosen[0].facets.map(({ name }) => name) : []), ...(group ? [group] : [])])];
  return html`<span class="tools">
    <${Choice} label="Measure" name="measure" value=${measure === "count" ? "" : measure}
      options=${[["", "Events"], ...measures.map((one) => [one, title(one)])]} />
    ${measure !== "count" && html`<${Choice} label="Compare with" name="compare" value=${compare}
      options=${[["", "alone"], ...measures.filter((one) => one !== measure).map((one) => [one, `and ${spoken(one)}`])]} />`}
    <${Choice} label="Interval" name="interval" value=${interval}
      options=${[["", auto && !interval ? `auto (${auto})` : "auto"], ...INTERVALS.map((one) => [one, one])]} />
    ${!compare && html`<${Choice} label="Break down by" name="group_by" value=${group}
      options=${[["", "no breakdown"], ...facets.map((one) => [one, `by ${spoken(one)}`])]} />`}
  </span>`;
}

function Choice({ label, name, value, options }) {
  return html`<select name=${name} aria-label=${label} value=${value} onChange=${(event) => filter.change({ [name]: event.target.value })}>
    ${options.map(([one, text]) => html`<option key=${one} value=${one} selected=${one === value}>${text}</option>`)}
  </select>`;
}
