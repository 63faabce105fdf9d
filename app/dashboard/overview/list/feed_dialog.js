// The filter as a feed for readers and maps. Where reading needs a key, its address gets a token that can only read.

import { address, send } from "../../common/api.js";
import { CopyButton } from "../../common/copy_button.js";
import { Dialog } from "../../common/dialog.js";
import * as filter from "../../common/filter.js";
import { spoken } from "../../common/format.js";
import { sentence } from "../../common/panel.js";
import { html, useEffect, useRef, useState } from "../../common/preact.js";

const FORMATS = [
  ["v1/events.atom", [], "Atom, for feed readers"],
  ["v1/events.geojson", [], "GeoJSON, for maps such as QGIS"],
  ["v1/events/export", [["format", "csv"]], "CSV, for spreadsheets that read from an address"],
];
const MAX_NAME = 100;

const nameOf = (pairs) => `Feed: ${pairs.map(([name, value]) => `${spoken(name)} ${value}`).join(", ") || "all events"}`.slice(0, MAX_NAME);

// Whether anybody may read here, found out by asking without the key.
async function readsWithoutKey() {
  const answer = await fetch(address("v1/events", [["limit", "1"], ["fields", "id"]]), { credentials: "omit" });
  return answer.ok;
}

export function FeedDialog({ pairs, onClose }) {
  const [open, setOpen] = useState(null); // null until it is known
  const [token, setToken] = useState(null); // {id, token}
  const [revoked, setRevoked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const attempt = async (work) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  useEffect(() => { attempt(async () => setOpen(await readsWithoutKey())); }, []);
  const make = () => attempt(async () => {
    setToken(await send("POST", "feed-tokens", { name: nameOf(pairs), expires_at: null }));
    setRevoked(false);
  });
  const revoke = () => attempt(async () => {
    await send("DELETE", `feed-tokens/${token.id}`);
    setToken(null);
    setRevoked(true);
  });
  const secret = token ? [["token", token.token]] : [];
  return html`<${Dialog} title="Feed of this filter" wide onClose=${onClose}>
    ${open === null && !error && html`<p class="loading" role="status">Loading…</p>`}
    ${open && html`<p>Paste an address into a feed reader, a map or a spreadsheet: it always gives the events that match now.</p>`}
    ${open === false && !token && html`<p>Reading needs a key here, and feed readers cannot send one. Make an address that carries a token
      instead: whoever has it can read what your key can read, and nothing else. It holds until it is revoked.</p>
      <p><button type="button" class="first" disabled=${busy} onClick=${make}>Make an address</button></p>`}
    ${revoked && html`<p role="status">The token is revoked: addresses with it answer 401 from now on.</p>`}
    ${token && html`<p>This address carries the token <code>${token.id}</code>. It is shown only now. Give it to nobody who may not read here.
      Revoke it here, or later on <a href=${address("subscriptions")}>the page of subscriptions</a>, which lists your tokens.</p>`}
    ${(open || token) && FORMATS.map(([path, format, title]) => html`<${Address} key=${path} title=${title}
      text=${address(path, [...(path.endsWith(".atom") ? filter.lasting() : pairs), ...format, ...secret])} />`)}
    ${token && html`<p><button type="button" disabled=${busy} onClick=${revoke}>Revoke the token</button></p>`}
    ${error && html`<p class="trouble" role="alert">${sentence(error)}</p>`}
    <p class="ends"><button type="button" class=${open === false && !token ? "" : "first"} onClick=${onClose}>Close</button></p>
  <//>`;
}

function Address({ title, text }) {
  const quoted = useRef(null);
  return html`<p class="soft">${title}</p><p class="quoted" ref=${quoted} tabindex="0">${text}</p><${CopyButton} text=${text} source=${quoted} />`;
}
