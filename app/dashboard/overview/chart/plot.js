// Draws a series as bars, stacked by group, or as a line with its band; a stretch of it can be chosen by mouse, touch and keys.

import * as filter from "../../common/filter.js";
import { number, plural, range, spoken, sumOf } from "../../common/format.js";
import { useMedia, useWidth } from "../../common/hooks.js";
import { label } from "../../common/labels.js";
import { html } from "../../common/preact.js";
import { layout } from "./layout.js";
import { useBrush } from "./use_brush.js";
import { bucketName, groupName, hue, spanName, tickName } from "./words.js";

const [LOW, HIGH] = [230, 360];
const TICK = 56; // pixels that the longest name of a tick takes
const SINGLE = ["kind", "status"]; // an event has one value of these
const BY_MOUSE = "Drag to choose a time.";
const BY_FINGER = "Tap a time, or swipe sideways over several; a button below the chart then chooses them.";
const BESIDE_MAP = "(min-width: 80rem) and (max-width: 109.9rem)";

export function Plot({ data }) {
  const [ref, width] = useWidth();
  const height = useMedia(BESIDE_MAP) ? HIGH : LOW;
  const coarse = useMedia("(pointer: coarse)");
  const drawn = width > 0 ? layout(data, width, height) : null;
  const brush = useBrush(data, drawn);
  const { rows, interval } = data;
  const text = brush.at === null ? `${bucketName(rows[0], interval)} to ${bucketName(rows.at(-1), interval)}` : told(data, brush.at);
  return html`<div class="plot" ref=${ref}>
    ${drawn && html`<svg viewBox="0 0 ${width} ${height}" height=${height} role="slider" tabindex="0" aria-label="Time"
      aria-describedby="series-keys" aria-orientation="horizontal" aria-valuemin="1" aria-valuemax=${rows.length} aria-valuenow=${(brush.at ?? 0) + 1}
      aria-valuetext=${told(data, brush.at ?? 0)} ...${brush.handlers}>
      ${drawn.yTicks.map(({ y, value }) => html`<g class="tick" key="y${value}">
        <line x1=${drawn.left} x2=${width} y1=${y} y2=${y} />
        <text x=${drawn.left - 6} y=${y + 4} text-anchor="end">${number(value)}</text>
      </g>`)}
      ${drawn.xTicks.map((n, i) => html`<g class="tick" key="x${rows[n].start}">
        ${tickName(rows[n].start, i ? rows[drawn.xTicks[i - 1]].start : null, interval).map((line, row) => html`
          <text x=${drawn.x(n)} y=${height - 20 + 15 * row} text-anchor=${drawn.x(n) > width - TICK ? "end" : "start"}>${line}</text>`)}
      </g>`)}
      ${drawn.paths.map(({ id, d }) => html`<path key=${id} class=${id} d=${d} />`)}
      ${brush.span && html`
        <rect class="chosen" x=${drawn.x(brush.span[0])} y="0" width=${drawn.x(brush.span[1] + 1) - drawn.x(brush.span[0])} height=${height - 36} />`}
      ${brush.at !== null && html`
        <rect class="at" x=${drawn.x(brush.at)} y="0" width=${Math.max(1, drawn.x(brush.at + 1) - drawn.x(brush.at))} height=${height - 36} />`}
    </svg>`}
    <p class="readout">${text}</p>
    ${brush.span && !brush.dragging && html`<p class="segments">
      <button type="button" class="apply" onClick=${brush.apply}>Only ${spanName(rows[brush.span[0]], rows[brush.span[1]], interval)}</button>
      <button type="button" onClick=${brush.drop}>Drop</button>
    </p>`}
    <${Legend} data=${data} />
    ${filter.value("since") && html`<p class="hint">What began before ${label("since", filter.value("since"))} and went on counts in the first ${interval}.</p>`}
    <p id="series-keys" class="hint">${coarse ? BY_FINGER : BY_MOUSE} By keyboard: arrows move, with Shift they choose, Enter applies, Escape drops it.</p>
  </div>`;
}

// A bucket in words: 5 Sep 2025: 12 events; attack 9, talks 3.
function told({ rows, interval, measure, group, groups, others, second }, n) {
  const row = rows[n];
  const part = measure === "count" ? "count" : "best";
  const beside = second ? ` and ${range(second.rows[n])} ${spoken(second.measure)}` : "";
  const events = plural(row.count, "event");
  const what = measure === "count" ? events : `${range(row)} ${spoken(measure)}${beside} in ${events}`;
  const each = [...groups.map(({ value, rows: own }) => [groupName(group, value), own[n][part]]), ...(others ? [["others", others[n][part]]] : [])];
  const parts = each.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${number(count)}`);
  return `${bucketName(row, interval)}: ${what}${parts.length ? `; ${parts.join(", ")}` : ""}`;
}

const Swatch = ({ id }) => html`<svg viewBox="0 0 10 10" aria-hidden="true"><rect class=${id} width="10" height="10" /></svg>`;

function Legend({ data: { rows, measure, group, groups, others, second } }) {
  if (second) {
    const of = (id, name, own) => html`<li key=${id}><${Swatch} id=${id} />${spoken(name)} <span class="note">${range(sumOf(own))}</span></li>`;
    return html`<ul class="legend" aria-label="Legend">${of("first", measure, rows)}${of("second", second.measure, second.rows)}</ul>
      <p class="hint">The lines are the best numbers, the bands go from low to high.</p>`;
  }
  if (!groups.length) return measure === "count" ? null : html`<p class="hint">The line is the best number, the band goes from low to high.</p>`;
  const part = measure === "count" ? "count" : "best";
  const sum = (rows) => rows.reduce((all, row) => all + row[part], 0);
  const entry = (id, name, rows) => html`<li key=${id}>
    <${Swatch} id=${id} /><span dir="auto">${name}</span> <span class="note">${number(sum(rows))}</span>
  </li>`;
  return html`<ul class="legend" aria-label="Legend">
    ${groups.map(({ value, rows }, n) => entry(hue(group, value, n), groupName(group, value), rows))}
    ${others && entry("group-rest", "others", others)}
  </ul>${measure !== "count" && html`<p class="hint">The best numbers are drawn; without a breakdown a band goes from low to high.</p>`}
  ${!SINGLE.includes(group) && html`<p class="hint">An event that has several values counts under each${measure === "count" ? "" : ", with its whole number"}.</p>`}`;
}
