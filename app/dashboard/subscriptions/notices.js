// What happened to endpoints and sources lately, for admin keys.

import { get } from "../common/api.js";
import { since } from "../common/freshness.js";
import { Panel } from "../common/panel.js";
import { html, useEffect, useReducer, useState } from "../common/preact.js";
import { Link } from "./address.js";

const AGAIN_MS = 30000;
const SHOWN = 30;

// The newest notices: the API gives the oldest first, so all that came since the last look are read.
async function readNew(known, signal) {
  let found = known;
  for (let after = known.at(-1)?.id ?? 0; after !== null;) {
    const page = await get("notices", [["after", String(after)], ["limit", "1000"]], { signal });
    found = [...found, ...page.items].slice(-SHOWN);
    after = page.next;
  }
  return found;
}

export function Notices() {
  const [state, set] = useState({ data: null, error: null, loading: true });
  const [round, again] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    const asking = new AbortController();
    readNew(state.data ?? [], asking.signal).then(
      (data) => set({ data, error: null, loading: false }),
      (error) => { if (!asking.signal.aborted) set((before) => ({ ...before, error, loading: false })); },
    );
    const timer = setTimeout(() => { if (!document.hidden) again(); }, AGAIN_MS);
    const look = () => { if (!document.hidden) again(); };
    document.addEventListener("visibilitychange", look);
    return () => { asking.abort(); clearTimeout(timer); document.removeEventListener("visibilitychange", look); };
  }, [round]);
  const items = (state.data ?? []).toReversed();
  return html`<${Panel} id="notices" title="Notices" note="of every owner, newest first" answer=${state}>
    ${items.length ? html`<ol class="notices">${items.map((item) => html`<li key=${item.id}>
      <span class="when">${since(item.at)}</span> <strong>${item.type}</strong> <span dir="auto">${item.detail}</span>
      ${item.subscription_id && html` <${Link} query="subscription=${item.subscription_id}">show the subscription<span class="unseen"> of notice ${item.id}</span><//>`}
    </li>`)}</ol>` : html`<p class="nothing">Nothing has happened.</p>`}
  <//>`;
}
