// How to cite the version that is shown: three texts to copy.

import { CopyButton } from "../common/copy_button.js";
import { Panel } from "../common/panel.js";
import { html, useMemo, useRef } from "../common/preact.js";
import { asBibtex, asCsl, asText } from "./citation.js";

const FORMS = [["Text", asText], ["BibTeX", asBibtex], ["CSL-JSON", asCsl]];

export function Cite({ event, cursor, url }) {
  const today = useMemo(() => new Date().toISOString(), []);
  return html`<${Panel} id="cite" title="Cite this version">
    ${FORMS.map(([name, write]) => html`<${Form} key=${name} name=${name} text=${write({ event, cursor, url, today })} />`)}
  <//>`;
}

function Form({ name, text }) {
  const quoted = useRef(null);
  const shown = html`<pre ref=${quoted} class="quoted" tabindex="0" dir="auto" aria-label=${name}>${text}</pre>`;
  return html`<div class="form">${name === "Text" ? shown : html`<details><summary>${name}</summary>${shown}</details>`}
    <${CopyButton} text=${text} label="Copy ${name === "Text" ? "text" : name}" source=${quoted} /></div>`;
}
