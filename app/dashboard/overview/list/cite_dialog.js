// How to cite the list: the filter, as of a place in the feed, so that anyone gets the same events later.

import { address } from "../../common/api.js";
import { CopyButton } from "../../common/copy_button.js";
import { Dialog } from "../../common/dialog.js";
import { date, plural, spoken } from "../../common/format.js";
import { useApi } from "../../common/hooks.js";
import { sentence } from "../../common/panel.js";
import { html, useRef } from "../../common/preact.js";

const told = (pairs) => (pairs.length ? ` with ${pairs.map(([name, value]) => `${spoken(name)} ${value}`).join(", ")}` : "");

export function CiteDialog({ pairs, asOf, onClose }) {
  const answer = useApi(asOf ? "events/count" : null, [...pairs, ["as_of", asOf]]);
  const quoted = useRef(null);
  const link = address("v1/events", [...pairs, ["as_of", asOf]]);
  const text = answer.data && `Sitrep: ${plural(answer.data.count, "event")}${told(pairs)}, as of feed cursor ${asOf} `
    + `(read ${date(new Date().toISOString(), "UTC", "instant")} UTC). ${link}`;
  return html`<${Dialog} title="Cite these events" wide onClose=${onClose}>
    <p>The address gives the same events later, in the versions that stood at this cursor, whatever has changed since. A single event is cited on its own page.</p>
    ${answer.error && html`<p class="trouble" role="alert">${sentence(answer.error)}</p>`}
    ${!text && !answer.error && html`<p class="loading" role="status">Loading…</p>`}
    ${text && html`<p class="quoted" ref=${quoted} tabindex="0" dir="auto">${text}</p><${CopyButton} text=${text} source=${quoted} />`}
    <p class="ends"><button type="button" class="first" onClick=${onClose}>Close</button></p>
  <//>`;
}
