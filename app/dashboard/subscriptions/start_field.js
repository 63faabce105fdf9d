// A place in the feed, chosen in a form: now, the oldest change, a time or a cursor.

import { html } from "../common/preact.js";
import { Choice, TextField } from "./fields.js";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const newPlace = () => ({ choice: "now", time: "", cursor: "" });

// The API's word for it; null while a time or cursor is missing or no such thing.
export function placeOf({ choice, time, cursor }) {
  if (choice === "cursor") return cursor.trim() || null;
  if (choice === "time") return Number.isNaN(Date.parse(time)) ? null : new Date(time).toISOString();
  return choice;
}

export function StartField({ title, place, onChange, faults = [], options }) {
  const set = (part) => onChange({ ...place, ...part });
  const asks = place.choice === "time" || place.choice === "cursor";
  return html`
    <${Choice} title=${title} value=${place.choice} options=${options} faults=${asks ? [] : faults} onChange=${(choice) => set({ choice })} />
    ${place.choice === "time" && html`<${TextField} label="Time (${ZONE})" type="datetime-local" value=${place.time} faults=${faults}
      hint="It begins with the first change recorded at or after this time." onInput=${(time) => set({ time })} />`}
    ${place.choice === "cursor" && html`<${TextField} label="Cursor" value=${place.cursor} faults=${faults} placeholder="e1-000000012345" autocomplete="off" spellcheck="false"
      hint="It begins with the first change after this one." onInput=${(cursor) => set({ cursor })} />`}`;
}
