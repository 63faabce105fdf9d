// Claims side by side: a row for each field on which sources differ, a column for each who claims something.

import { html } from "../common/preact.js";
import { ScrollBox } from "../common/scroll_box.js";
import { fieldName, isEmpty, Value } from "./fields.js";

// The value that a JSON pointer leads to.
const follow = (event, pointer) => pointer.split("/").slice(1).reduce((value, step) => value?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], event);

// /detail/munitions/0/launched is `munitions 1, launched`.
export function pointerWords(pointer) {
  const steps = pointer.split("/").slice(1).filter((step, n) => n || step !== "detail");
  return steps.reduce((told, step) => (
    /^\d+$/.test(step) && told.length ? [...told.slice(0, -1), `${told.at(-1)} ${Number(step) + 1}`] : [...told, fieldName(step)]
  ), []).join(", ");
}

export function Claims({ event }) {
  const { claims, sources, timezone } = event;
  const claimants = [...new Set(claims.map(({ source, claimed_by: by }) => JSON.stringify([by ?? null, source])))]
    .map((text) => JSON.parse(text));
  const fields = [...new Set(claims.map(({ field }) => field))];
  return html`<${ScrollBox} class="wide-table" label="Claims, table"><table class="claims">
    <thead><tr><th scope="col">Field</th><th scope="col">This record</th>
      ${claimants.map(([by, source]) => html`<th scope="col" dir="auto">${by ?? sources[source]?.publisher}${by && html`<span class="soft">, in <bdi>${sources[source]?.publisher}</bdi></span>`}</th>`)}
    </tr></thead>
    <tbody>${fields.map((field) => html`<tr key=${field}>
      <th scope="row">${pointerWords(field)}</th>
      <td><${Recorded} pointer=${field} value=${follow(event, field)} zone=${timezone} /></td>
      ${claimants.map(([by, source]) => html`<td>${claims.filter((claim) => claim.field === field && claim.source === source && (claim.claimed_by ?? null) === by)
        .map((claim) => html`<p><${Claimed} pointer=${field} value=${claim.value} zone=${timezone} /></p>`)}</td>`)}
    </tr>`)}</tbody>
  </table><//>`;
}

const lastStep = (pointer) => pointer.split("/").at(-1);

function Recorded({ pointer, value, zone }) {
  return isEmpty(value) ? html`<span class="soft">nothing</span>` : html`<${Value} name=${lastStep(pointer)} value=${value} zone=${zone} />`;
}

function Claimed({ pointer, value, zone }) {
  return value === null ? html`<span class="soft">nothing</span>` : html`<${Value} name=${lastStep(pointer)} value=${value} zone=${zone} />`;
}
