// The bytes of a change as they are sent: its CloudEvent, cut out of a page of the feed.

import { call } from "../common/api.js";
import { CopyButton } from "../common/copy_button.js";
import { html, useEffect, useRef, useState } from "../common/preact.js";

const START = '{"items":[';
const END = '],"next":';
const DIGITS = 12;

// The text of the change `id`; `cursor` is any position of the current epoch.
export async function readPayload(id, cursor, signal) {
  const before = Number(id.split("-")[1]) - 1;
  const after = `${cursor.split("-")[0]}-${String(before).padStart(DIGITS, "0")}`;
  const page = await (await call("feed", [["after", after], ["limit", "1"]], { signal })).text();
  const text = page.slice(START.length, page.lastIndexOf(END));
  if (!page.startsWith(START) || !text || JSON.parse(text).id !== id) throw new Error("The feed no longer has this change.");
  return text;
}

export function Payload({ id, cursor }) {
  const [state, set] = useState({ text: null, error: null });
  const [indented, indent] = useState(true);
  const shown = useRef(null);
  useEffect(() => {
    const asking = new AbortController();
    readPayload(id, cursor, asking.signal).then(
      (text) => set({ text, error: null }),
      (error) => { if (!asking.signal.aborted) set({ text: null, error }); },
    );
    return () => asking.abort();
  }, [id]);
  if (state.error) return html`<p class="trouble" role="alert">${state.error.status === 410 ? "This change is older than what the feed still has." : state.error.message}</p>`;
  if (state.text === null) return html`<p class="loading" role="status">Loading…</p>`;
  return html`<div class="payload">
    <label class="tick"><input type="checkbox" checked=${indented} onChange=${(event) => indent(event.target.checked)} /> Indent for reading</label>
    <${CopyButton} text=${state.text} label="Copy the exact bytes" source=${shown} />
    <pre tabindex="0" aria-label="Payload of ${id}"><code ref=${shown} dir="ltr">${indented ? JSON.stringify(JSON.parse(state.text), null, 2) : state.text}</code></pre>
  </div>`;
}
