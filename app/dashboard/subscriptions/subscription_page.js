// One subscription: how it fares, what can be done with it, and its deliveries.

import { address, send } from "../common/api.js";
import { number, plural } from "../common/format.js";
import { since } from "../common/freshness.js";
import { Panel } from "../common/panel.js";
import { useAction, usePolled } from "../common/poll.js";
import { html, useEffect, useState } from "../common/preact.js";
import { State } from "../common/state.js";
import { go, Link } from "./address.js";
import { Deliveries } from "./deliveries.js";
import { DeleteDialog, RetryDialog, RotateDialog } from "./dialogs.js";
import { inWords, toRows } from "./filter_document.js";
import { explanation, resultOf } from "./health.js";
import { Pulling } from "./pulling.js";
import { SecretDialog } from "./secret_dialog.js";
import { SeekDialog } from "./seek_dialog.js";
import { SettingsForm } from "./settings_form.js";

// `created` is what making it gave, with its secret; `onShown` is called once that is on the page.
export function SubscriptionPage({ id, created, onShown }) {
  const answer = usePolled(`subscriptions/${id}`, [], 3000);
  const [shown, show] = useState(created?.secret ? { name: "secret", secret: created.secret } : null);
  const [said, say] = useState("");
  const [run, { busy, error }] = useAction();
  const [first] = useState(created);
  const one = answer.data ?? first;
  useEffect(onShown, []);
  useEffect(() => { if (one) document.title = `${one.name} · Subscriptions · Sitrep`; }, [one?.name]);

  const done = (text) => { show(null); say(text); answer.refresh(); };
  const act = async (work, tell) => {
    say("");
    const given = await run(work);
    if (given !== undefined) say(tell(given));
    answer.refresh();
  };
  const test = () => act(() => send("POST", `subscriptions/${id}/test`), resultOf);
  const become = (status, text) => act(() => send("PATCH", `subscriptions/${id}`, { status }), () => text);

  if (!one) {
    const gone = answer.error?.status === 404;
    return html`<p class="back"><${Link}>All subscriptions<//></p><h1 id="view-title" tabindex="-1">Subscription</h1>
      <${Panel} id="state" title="State" answer=${gone ? { loading: false, data: {} } : answer}>
        ${gone && html`<p class="trouble" role="alert">There is no subscription with that id, or it belongs to another owner.</p>`}<//>`;
  }
  const dialog = shown && html`<${Shown} key=${shown.name} shown=${shown} one=${one} done=${done} show=${show} />`;
  return html`
    <p class="back"><${Link}>All subscriptions<//></p>
    <div class="head"><h1 id="view-title" tabindex="-1" dir="auto">${one.name}</h1><${State} status=${one.status} /></div>
    <${Panel} id="state" title="State" answer=${answer}>
      <p class="explained" data-state=${one.status}>${explanation(one)}</p>
      <div class="actions" role="group" aria-label="Actions">
        ${one.mode === "push" && html`<button type="button" aria-disabled=${String(busy)} onClick=${test}>Send a test</button>`}
        ${["active", "pending", "failing"].includes(one.status) && html`<button type="button" onClick=${() => become("paused", "Paused: nothing is lost.")}>Pause</button>`}
        ${one.status === "paused" && html`<button type="button" onClick=${() => become("active", "It goes on at its cursor.")}>Resume</button>`}
        ${["pending", "failing", "disabled"].includes(one.status) && html`<button type="button" onClick=${() => become("active", "A signed ping is on its way.")}>Activate</button>`}
        <button type="button" onClick=${() => show({ name: "edit" })}>Edit</button>
        <button type="button" onClick=${() => show({ name: "seek" })}>Move the cursor</button>
        ${one.dead > 0 && html`<button type="button" onClick=${() => show({ name: "retry" })}>Retry all dead (${number(one.dead)})</button>`}
        ${one.mode === "push" && html`<button type="button" onClick=${() => show({ name: "rotate" })}>Rotate the secret</button>`}
        <button type="button" class="danger" onClick=${() => show({ name: "delete" })}>Delete</button>
      </div>
      <p class="outcome" role="status">${said}</p>
      ${error && html`<p class="trouble" role="alert">${error.message}</p>`}
      <${Facts} one=${one} />
    <//>
    ${one.mode === "push" ? html`<${Deliveries} subscription=${one} onRetried=${answer.refresh} />` : html`<${Pulling} subscription=${one} onMoved=${answer.refresh} />`}
    ${dialog}`;
}

function Facts({ one }) {
  const { push } = one;
  const events = toRows(one.filter).filter(([name]) => name !== "change");
  const facts = [
    ["Mode", one.mode],
    ["Changes of", html`<span dir="auto">${inWords(one.filter)}</span> · <a href=${address("", events)}>see these events</a>`],
    push && ["Address", html`<span class="code" dir="ltr">${push.url}</span>`],
    ["Lag", one.lag ? `${plural(one.lag, "change")} of the feed behind, matching or not` : "none: up to date"],
    ["Cursor", html`<span class="code">${one.cursor}</span>`],
    push && ["Open", `${number(one.open)} of at most ${number(push.max_open)}`],
    push && ["Dead", number(one.dead)],
    push && ["Last success", since(one.last_success_at)],
    ["Last error", one.last_error ?? "none"],
    push && ["Pace", `${plural(push.max_in_flight, "request")} at once, ${plural(push.timeout_s, "second")} each${push.max_open === 1 ? ", in strict order" : ""}`],
    push && Object.keys(push.headers).length > 0 && ["Own headers", html`<span class="code">${Object.keys(push.headers).join(", ")}</span>`],
    ["Generation", `${number(one.generation)}: one more with each move of the cursor`],
    ["Created", since(one.created_at)],
    ["Id", html`<span class="code">${one.id}</span>`],
  ];
  return html`<dl class="facts">${facts.filter(Boolean).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Shown({ shown, one, done, show }) {
  const close = () => show(null);
  switch (shown.name) {
    case "secret": return html`<${SecretDialog} secret=${shown.secret} expires=${shown.expires} onClose=${close} />`;
    case "edit": return html`<${SettingsForm} subscription=${one} onClose=${close} onSaved=${() => done("Saved.")} />`;
    case "seek": return html`<${SeekDialog} subscription=${one} onClose=${close} onMoved=${({ cursor }) => done(`The cursor is at ${cursor} now.`)} />`;
    case "retry": return html`<${RetryDialog} subscription=${one} onClose=${close} onRetried=${({ matched }) => done(`Sent again: ${number(matched)}.`)} />`;
    case "rotate": return html`<${RotateDialog} subscription=${one} onClose=${close} onRotated=${({ secret, previous_expires_at: expires }) => show({ name: "secret", secret, expires })} />`;
    default: return html`<${DeleteDialog} subscription=${one} onClose=${close} onDeleted=${() => go()} />`;
  }
}
