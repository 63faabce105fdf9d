// The dialog that moves a subscription's cursor, and says first what will come of it.

import { get, send } from "../common/api.js";
import { Confirm } from "../common/confirm.js";
import { plural } from "../common/format.js";
import { useApi } from "../common/hooks.js";
import { html, useEffect, useState } from "../common/preact.js";
import { deliveries } from "./health.js";
import { newPlace, placeOf, StartField } from "./start_field.js";

const OPTIONS = [
  ["oldest", "The oldest change", "send everything again"],
  ["time", "A time", "replay from there, or skip up to there"],
  ["cursor", "A cursor", ""],
  ["now", "Now", "skip what is behind"],
];

const sequence = (cursor) => Number(cursor.split("-")[1]);

// The sequence at which the cursor would stand; null where that is not known yet.
function target(place, head, timed) {
  if (place.choice === "cursor") return /^e\d+-\d+$/.test(place.cursor.trim()) ? sequence(place.cursor.trim()) : null;
  if (place.choice === "time") return timed;
  return head && sequence(place.choice === "now" ? head.head : head.oldest);
}

function consequence(subscription, to) {
  if (to === null) return "Choose where to go on.";
  const moved = to - sequence(subscription.cursor);
  const far = plural(Math.abs(moved), "change");
  if (moved === 0) return "The cursor stands there already.";
  if (moved > 0) return `${far} of the feed ${moved === 1 ? "is" : "are"} skipped: those that match are never ${subscription.mode === "push" ? "sent" : "given out"}, unless you move back.`;
  return `It goes back ${far} of the feed: those that match are ${subscription.mode === "push" ? "sent" : "given out"} again, under the same ids${subscription.mode === "push" ? " and with a higher webhook-generation" : ""}.`;
}

export function SeekDialog({ subscription, onMoved, onClose }) {
  const [place, setPlace] = useState(() => ({ ...newPlace(), choice: "oldest" }));
  const [timed, setTimed] = useState(null);
  const head = useApi("feed/head");
  const to = placeOf(place);
  useEffect(() => {
    setTimed(null);
    if (place.choice !== "time" || !to) return undefined;
    const asking = new AbortController();
    const known = ({ items, next }) => setTimed(items.length ? Number(items[0].sequence) - 1 : sequence(next));
    get("feed", [["after", to], ["limit", "1"]], { signal: asking.signal }).then(known, () => {});
    return () => asking.abort();
  }, [place.choice, to]);
  const work = () => {
    if (!to) throw new Error("Say where to go on.");
    return send("POST", `subscriptions/${subscription.id}/seek`, { to });
  };
  return html`<${Confirm} title="Move the cursor" verb="Move it" work=${work} onDone=${onMoved} onClose=${onClose}>
    <p>It stands at <span class="code">${subscription.cursor}</span>.</p>
    <${StartField} title="Go on after" place=${place} options=${OPTIONS} onChange=${setPlace} />
    <p class="meaning" role="status">${consequence(subscription, target(place, head.data, timed))}
      ${subscription.open > 0 && ` ${deliveries(subscription.open)} not finished yet ${subscription.open === 1 ? "is" : "are"} cancelled.`}</p>
  <//>`;
}
