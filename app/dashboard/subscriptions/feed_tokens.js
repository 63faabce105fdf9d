// Tokens that let a feed reader fetch Atom or JSON by an address alone: list, make and revoke them.

import { send } from "../common/api.js";
import { Confirm } from "../common/confirm.js";
import { CopyButton } from "../common/copy_button.js";
import { Dialog } from "../common/dialog.js";
import { date } from "../common/format.js";
import { since } from "../common/freshness.js";
import { Pager } from "../common/pager.js";
import { Panel } from "../common/panel.js";
import { useAction, usePages } from "../common/poll.js";
import { html, useRef, useState } from "../common/preact.js";
import { Choice, faultsAt, otherFaults, TextField } from "./fields.js";

const LIFETIMES = [["30", "30 days", ""], ["365", "A year", ""], ["", "Until it is revoked", ""]];
const DAY_MS = 86400000;

export function FeedTokens() {
  const answer = usePages("feed-tokens", [["limit", "25"]], 30000);
  const [shown, show] = useState(null);
  const items = answer.data?.items ?? [];
  const close = () => show(null);
  const made = (token) => { show({ name: "made", token }); answer.refresh(); };
  const revoked = () => { show(null); answer.refresh(); };
  const tools = html`<button type="button" onClick=${() => show({ name: "new" })}>New feed token</button>`;
  return html`<${Panel} id="feed-tokens" title="Feed tokens" note="for feed readers, which cannot send a key" tools=${tools} answer=${answer}>
    ${items.length ? html`<table class="rows">
      <thead><tr><th scope="col">Name</th><th scope="col">Owner</th><th scope="col">Made</th><th scope="col">Last used</th><th scope="col">Expires</th><th scope="col"><span class="unseen">Revoke</span></th></tr></thead>
      <tbody>${items.map((item) => html`<tr key=${item.id}>
        <th scope="row"><span dir="auto">${item.name}</span></th>
        <td data-label="Owner"><span dir="auto">${item.owner}</span></td>
        <td data-label="Made">${since(item.created_at)}</td>
        <td data-label="Last used">${since(item.last_used_at)}</td>
        <td data-label="Expires">${item.expires_at ? date(item.expires_at, "UTC") : "never"}</td>
        <td><button type="button" class="danger" onClick=${() => show({ name: "revoke", token: item })}>Revoke<span class="unseen"> ${item.name}</span></button></td>
      </tr>`)}</tbody></table>` : html`<p class="nothing">None. The dashboard makes one when you ask it for a feed of a filter on a server that needs a key.</p>`}
    <${Pager} ...${answer} what="tokens" />
  <//>
  ${shown?.name === "new" && html`<${NewToken} onMade=${made} onClose=${close} />`}
  ${shown?.name === "made" && html`<${MadeToken} token=${shown.token} onClose=${close} />`}
  ${shown?.name === "revoke" && html`<${Confirm} title="Revoke this token?" verb="Revoke it" danger onClose=${close} onDone=${revoked}
      work=${async () => { await send("DELETE", `feed-tokens/${shown.token.id}`); return true; }}>
    <p>Readers that use <strong dir="auto">${shown.token.name}</strong> get nothing any more. This cannot be taken back.</p>
  <//>`}`;
}

function NewToken({ onMade, onClose }) {
  const [name, setName] = useState("");
  const [days, setDays] = useState("365");
  const [run, { busy, error }] = useAction();
  const submit = async (event) => {
    event.preventDefault();
    const expires = days ? new Date(Date.now() + Number(days) * DAY_MS).toISOString() : null;
    const made = await run(() => send("POST", "feed-tokens", { name: name.trim(), expires_at: expires }));
    if (made) onMade(made);
  };
  const trouble = otherFaults(error, ["/name", "/expires_at"]);
  return html`<${Dialog} title="New feed token" onClose=${onClose}>
    <form onSubmit=${submit} novalidate>
      <p>Whoever has the token can read feeds and exports by an address alone, and nothing else.</p>
      <${TextField} label="Name" value=${name} faults=${faultsAt(error, "/name")} placeholder="My feed reader" onInput=${setName} />
      <${Choice} title="It is valid for" value=${days} options=${LIFETIMES} onChange=${setDays} faults=${faultsAt(error, "/expires_at")} />
      ${trouble && html`<p class="trouble" role="alert">${trouble}</p>`}
      <div class="actions"><button class="first" aria-disabled=${String(busy)}>Make it</button><button type="button" onClick=${onClose}>Cancel</button></div>
    </form>
  <//>`;
}

function MadeToken({ token, onClose }) {
  const shown = useRef(null);
  return html`<${Dialog} title="Keep the token now" stays onClose=${onClose}>
    <p>It is shown this once. Add it to the address of a feed or export: <span class="code">…/v1/events.atom?kind=attack&token=…</span></p>
    <p class="secret"><code ref=${shown}>${token.token}</code> <${CopyButton} text=${token.token} label="Copy the token" source=${shown} /></p>
    <div class="actions"><button type="button" class="first" onClick=${onClose}>I have kept it</button></div>
  <//>`;
}
