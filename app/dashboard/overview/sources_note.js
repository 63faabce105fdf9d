// Says above the dashboard which sources have been silent for too long, and how fresh the others are.

import { html } from "../common/preact.js";

export function SourcesNote() {
  return html``;
}
