// Shows a secret this once, with the few lines that verify what it signs.

import { CopyButton } from "../common/copy_button.js";
import { Dialog } from "../common/dialog.js";
import { html, useRef, useState } from "../common/preact.js";

const PYTHON = `import base64, hashlib, hmac, os, time

def is_signed(headers, body):  # body: the bytes as they came
    key = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
    sent = headers["webhook-timestamp"]
    signed = f'{headers["webhook-id"]}.{sent}.'.encode() + body
    good = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    fresh = abs(time.time() - int(sent)) < 300
    return fresh and any(hmac.compare_digest(good, one) for one in headers["webhook-signature"].split())`;

const JAVASCRIPT = `import { createHmac, timingSafeEqual } from "node:crypto";

export function isSigned(headers, body) { // body: a Buffer, as it came
  const key = Buffer.from(process.env.WEBHOOK_SECRET.replace("whsec_", ""), "base64");
  const sent = headers["webhook-timestamp"];
  const mac = createHmac("sha256", key).update(headers["webhook-id"] + "." + sent + ".").update(body);
  const good = Buffer.from("v1," + mac.digest("base64"));
  const fresh = Math.abs(Date.now() / 1000 - Number(sent)) < 300;
  const same = (one) => one.length === good.length && timingSafeEqual(one, good);
  return fresh && headers["webhook-signature"].split(" ").some((one) => same(Buffer.from(one)));
}`;

const SHELL = `key=$(printf %s "\${WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
(printf '%s.%s.' "$ID" "$TIMESTAMP"; cat body.json) |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64  # follows "v1," in webhook-signature`;

const LANGUAGES = [["Python", PYTHON], ["JavaScript", JAVASCRIPT], ["Shell", SHELL]];

export function SecretDialog({ secret, expires, onClose }) {
  const [language, set] = useState("Python");
  const [shown, code] = [useRef(null), useRef(null)];
  const text = LANGUAGES.find(([name]) => name === language)[1];
  return html`<${Dialog} title="Keep the secret now" stays wide onClose=${onClose}>
    <p>It signs everything that is sent to your endpoint, and is shown this once. Give it to your receiver as WEBHOOK_SECRET.</p>
    ${expires && html`<p>Until ${new Date(expires).toLocaleString("en-GB")} the old secret signs as well.</p>`}
    <p class="secret"><code ref=${shown} id="secret">${secret}</code> <${CopyButton} text=${secret} label="Copy the secret" source=${shown} /></p>
    <div class="languages" role="group" aria-label="Verify in">
      ${LANGUAGES.map(([name]) => html`
        <button type="button" key=${name} aria-pressed=${String(name === language)} onClick=${() => set(name)}>${name}</button>`)}
    </div>
    <pre tabindex="0" aria-label="Code that verifies a signature in ${language}"><code ref=${code}>${text}</code></pre>
    <${CopyButton} text=${text} label="Copy the code" source=${code} />
    <div class="actions"><button type="button" class="first" onClick=${onClose}>I have kept the secret</button></div>
  <//>`;
}
