// The page of subscriptions: asks for a key that may subscribe, then shows the view that the address names.

import { call } from "../common/api.js";
import { askKey } from "../common/key.js";
import { useKey } from "../common/hooks.js";
import { forget, key } from "../common/key_storage.js";
import { isTold, sentence } from "../common/panel.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../common/preact.js";
import { Shell, start } from "../common/shell.js";
import { setTrouble, trouble } from "../common/trouble.js";
import { go, useView } from "./address.js";
import { CreateForm } from "./create_form.js";
import { FeedTokens } from "./feed_tokens.js";
import { Notices } from "./notices.js";
import { SubscriptionList } from "./subscription_list.js";
import { SubscriptionPage } from "./subscription_page.js";

const WHY = "Subscriptions belong to a key with the scope subscribe, on every server. The page sends it to this server only, and never in an address.";
const TRY_AGAIN_MS = 5000;

// Who is asking, once there is a key, and again when there is another; a server that is away is asked again.
function useCaller() {
  const [state, set] = useState({ me: null, error: null });
  const [known, timer] = [useRef(null), useRef(null)];
  const now = useKey();
  useEffect(() => {
    const ask = async () => {
      clearTimeout(timer.current);
      try {
        if (!key() && !(await askKey(WHY))) return setTrouble("locked");
        known.current = key();
        set({ me: await (await call("me")).json(), error: null });
      } catch (error) {
        set({ me: null, error });
        if (trouble() !== "locked") timer.current = setTimeout(ask, TRY_AGAIN_MS);
      }
    };
    if (now === null || now !== known.current) ask();
  }, [now]);
  return state;
}

function Subscriptions() {
  const { me, error } = useCaller();
  const view = useView();
  const [created, setCreated] = useState(null);
  const shown = useRef(null);
  const name = view.name === "one" ? view.id : view.name;
  useLayoutEffect(() => {
    if (shown.current !== null && shown.current !== name) document.querySelector("#view-title")?.focus();
    if (me) shown.current = name;
    if (view.name !== "one") document.title = "Subscriptions · Sitrep";
  }, [name, me]);

  if (error && !isTold(error)) return html`<h1>Subscriptions</h1><p class="trouble" role="alert">${sentence(error)}</p>`;
  if (!me) return html`<h1>Subscriptions</h1><p class="loading" role="status">${trouble() ? "" : "Loading…"}</p>`;
  const may = (scope) => me.scopes.includes(scope) || me.scopes.includes("admin");
  if (!may("subscribe")) return html`<${OtherKey} me=${me} />`;
  if (view.name === "new") {
    const made = (subscription) => { setCreated(subscription); go(`subscription=${subscription.id}`); };
    return html`<${CreateForm} key=${JSON.stringify(view.pairs)} pairs=${view.pairs} onCreated=${made} onCancel=${() => go()} />`;
  }
  if (view.name === "one") {
    return html`<${SubscriptionPage} key=${view.id} id=${view.id} created=${created?.id === view.id ? created : null} onShown=${() => setCreated(null)} />`;
  }
  return html`<${SubscriptionList} /><${FeedTokens} />${may("admin") && html`<${Notices} />`}`;
}

function OtherKey({ me }) {
  const change = () => { forget(); location.reload(); };
  return html`<h1>Subscriptions</h1>
    <p class="trouble" role="alert">The key “<span dir="auto">${me.name}</span>” has the scope ${me.scopes.join(", ")} and may not subscribe. Ask whoever runs this server for a key with the scope subscribe.</p>
    <p><button type="button" class="first" onClick=${change}>Use another key</button></p>
    <${FeedTokens} />`;
}

start(html`<${Shell} page="subscriptions"><${Subscriptions} /><//>`);
