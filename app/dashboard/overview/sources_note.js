// Says above the dashboard which sources have been silent for too long, or how fresh they all are.

import { address } from "../common/api.js";
import { ago, summary, worst } from "../common/freshness.js";
import { usePolled } from "../common/poll.js";
import { html } from "../common/preact.js";

const AGAIN_MS = 60000;

export function SourcesNote() {
  const { data } = usePolled("sources", [], AGAIN_MS);
  if (!data?.items.length) return null;
  const troubled = worst(data.items) !== "active";
  const fresh = data.items.map(({ name, state, freshness: { since_last_success_s: success } }) => `${name} ${success === null ? state : ago(success)}`);
  return html`<p id="stale" class=${troubled ? "trouble" : "note"}>${troubled ? html`<strong>${summary(data.items)}</strong>` : `Sources: ${fresh.join(", ")}.`}
    ${" "}<a href=${address("sources")}>${troubled ? "What is wrong" : "Details"}</a></p>`;
}
