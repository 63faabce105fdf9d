// Says whether what is shown is what is so now, and pauses it.

import { html } from "../common/preact.js";

const TEXTS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", paused: "Paused", offline: "Offline", refused: "Waiting" };
const WHY = { refused: "Live updates wait until the filter is mended" };

// After a break the page is live only when it has caught up with what it may have missed.
export function LiveButton({ live, caughtUp }) {
  const state = live.state === "live" && !caughtUp ? "reconnecting" : live.state;
  return html`<button id="live" class="live" type="button" data-state=${state} onClick=${live.toggle}
    title=${WHY[state]} aria-label="${TEXTS[state]}. ${WHY[state] ? `${WHY[state]}. ` : ""}${live.paused ? "Go on" : "Pause"}">${TEXTS[state]}</button>`;
}
