// Tells which condition of the filter the server refuses, what would do in its place, and takes it off.

import * as filter from "../common/filter.js";
import { or } from "../common/format.js";
import { label, title } from "../common/labels.js";
import { isOfFilter, sentence } from "../common/panel.js";
import { html } from "../common/preact.js";
import { say } from "../common/shell.js";
import { told } from "./chips.js";

const isCountry = (name, value) => /^[a-z]{2}$/i.test(value) && label(name, value) !== value;

export function Refusal({ error, pairs }) {
  if (!isOfFilter(error)) return html`<p id="trouble" class="trouble" role="alert">${sentence(error)}</p>`;
  return html`<div id="trouble" class="trouble" role="alert">
    ${error.problem.errors.map((fault) => html`<${Fault} fault=${fault} pairs=${pairs} />`)}
    <p class="soft">Nothing is counted, and live updates pause, until the filter is mended.</p>
  </div>`;
}

// A fault names its parameter alone: of several values all are told that may be meant.
function Fault({ fault: { parameter, code, detail, allowed }, pairs }) {
  const given = pairs.filter(([name]) => name === parameter);
  const odd = given.filter(([name, value]) => !allowed?.includes(value) && !isCountry(name, value));
  const values = (odd.length ? odd : given).map(([name, value]) => [value, told(name, value, pairs)[1]]);
  const [what] = told(...(odd[0] ?? given[0]), pairs);
  const drop = (value, text) => {
    document.querySelector("#main").focus();
    filter.drop(parameter, value);
    say(`Taken off: ${what} ${text}`);
  };
  return html`<p><strong>${title(what)} <span dir="auto">${values.map(([, text]) => `“${text}”`).join(", ")}</span>:</strong> ${code === "enum" ? `There is no such value. Choose ${or(allowed.map((one) => label(parameter, one)))}.` : detail}
    ${values.map(([value, text]) => html` <button type="button" class="plain" onClick=${() => drop(value, text)}>Take “<span dir="auto">${text}</span>” off</button>`)}</p>`;
}
