// The filters that are set, each of which can be taken off.

import * as filter from "../common/filter.js";
import { spoken } from "../common/format.js";
import { label } from "../common/labels.js";
import { html } from "../common/preact.js";
import { say } from "../common/shell.js";

export function Chips({ pairs }) {
  const period = filter.value("period");
  const shown = pairs.filter(([name, value]) => name !== "radius_km" && !(name === "timezone" && value === "UTC"))
    .map(([name, value]) => (period && name === "since" ? ["period", period] : [name, value]));
  if (!shown.length) return html`<p class="hint">All events there are. Choose a filter, a place on the map or a time to see fewer.</p>`;
  return html`<ul id="chips" aria-label="Active filters">
    ${shown.map(([name, value]) => html`<${Chip} key="${name} ${value}" name=${name} value=${value} pairs=${pairs} />`)}
    ${shown.length > 1 && html`<li key="all"><button type="button" class="clear" onClick=${filter.clear}>Clear all</button></li>`}
  </ul>`;
}

function Chip({ name, value, pairs }) {
  const [what, text] = told(name, value, pairs);
  const take = (event) => {
    moveFocus(event.currentTarget.closest("li"));
    filter.drop(name, value);
    say(`Taken off: ${what} ${text}`);
  };
  return html`<li><button type="button" aria-label="Take off ${what} ${text}" onClick=${take}>
    <span class="name">${what}</span> <span dir="auto">${text}</span>
  </button></li>`;
}

// The focus does not fall off the page with the chip that had it.
function moveFocus(item) {
  const next = item.nextElementSibling ?? item.previousElementSibling;
  (next?.querySelector("button") ?? document.querySelector("#main")).focus();
}

const WORDS = { admin1: "region", bbox: "box", q: "words" };
const facetWords = (name) => WORDS[name] ?? spoken(name);

// A condition as [what, text].
export function told(name, value, pairs) {
  if (name === "missing") return ["without", facetWords(value)];
  if (name === "exclude" && value.includes(":")) {
    const [facet, ...rest] = value.split(":");
    return [`not ${facetWords(facet)}`, label(facet, rest.join(":"))];
  }
  if (name === "period") return ["time", filter.PERIODS[value][2]];
  if (name === "near") return ["near", `${value}, ${pairs.find((pair) => pair[0] === "radius_km")?.[1]} km`];
  return [facetWords(name), label(name, value)];
}
