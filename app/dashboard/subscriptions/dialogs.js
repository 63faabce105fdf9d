// Dialogs that ask before something is done: retry all, rotate the secret, delete.

import { send } from "../common/api.js";
import { Confirm } from "../common/confirm.js";
import { number } from "../common/format.js";
import { html, useState } from "../common/preact.js";
import { Choice } from "./fields.js";

export function RetryDialog({ subscription, onRetried, onClose }) {
  const work = () => send("POST", `subscriptions/${subscription.id}/deliveries/retry`, { status: "dead" });
  return html`<${Confirm} title="Retry all dead deliveries?" verb="Retry them" work=${work} onDone=${onRetried} onClose=${onClose}>
    <p>${number(subscription.dead)} that were given up are sent again, each with the same webhook-id and the same bytes. They keep no order among themselves.</p>
  <//>`;
}

const OVERLAPS = [
  ["3600", "One hour", ""],
  ["86400", "One day", ""],
  ["604800", "Seven days", ""],
  ["0", "Not at all", "where the old one has leaked; until you change your receiver it refuses what is sent"],
];

export function RotateDialog({ subscription, onRotated, onClose }) {
  const [overlap, set] = useState("86400");
  const work = () => send("POST", `subscriptions/${subscription.id}/rotate-secret`, { overlap_s: Number(overlap) });
  return html`<${Confirm} title="Rotate the secret?" verb="Make a new secret" work=${work} onDone=${onRotated} onClose=${onClose}>
    <p>A new secret is made and shown once. For the time that you choose both sign, so that you can change your receiver without losing anything.</p>
    <${Choice} title="The old secret goes on signing for" value=${overlap} options=${OVERLAPS} onChange=${set} />
  <//>`;
}

export function DeleteDialog({ subscription, onDeleted, onClose }) {
  const work = async () => { await send("DELETE", `subscriptions/${subscription.id}`); return true; };
  return html`<${Confirm} title="Delete this subscription?" verb="Delete it" danger work=${work} onDone=${onDeleted} onClose=${onClose}>
    <p><strong dir="auto">${subscription.name}</strong> ends, and its list of deliveries goes with it. ${subscription.open > 0 ? `${number(subscription.open)} that are not delivered yet are dropped. ` : ""}This cannot be taken back; to stop for a while, pause it instead.</p>
  <//>`;
}
