// The event as the API gives it, byte for byte: shown, copied or saved, with the key where there is one.

import { call } from "../common/api.js";
import { CopyButton } from "../common/copy_button.js";
import { download } from "../common/download.js";
import { Panel, sentence } from "../common/panel.js";
import { html, useState } from "../common/preact.js";

export function RawJson({ id, version }) {
  const [text, setText] = useState(null);
  const [error, setError] = useState(null);
  const pairs = [["version", version]];
  const attempt = async (work) => {
    setError(null);
    await work().catch(setError);
  };
  const show = () => attempt(async () => setText(await (await call(`events/${id}`, pairs)).text()));
  const save = () => attempt(() => download(`events/${id}`, pairs, `sitrep-${id}-v${version}.json`));
  return html`<${Panel} id="json" title="JSON" tools=${html`
      <button type="button" class="button" onClick=${show}>Show</button>
      <button type="button" class="button" onClick=${save}>Save</button>`}>
    ${error && html`<p class="trouble" role="alert">${sentence(error)}</p>`}
    ${text && html`<pre class="quoted" tabindex="0" aria-label="JSON">${text}</pre><${CopyButton} text=${text} />`}
  <//>`;
}
