// A dialog that asks before something is done.

import { Dialog } from "./dialog.js";
import { useAction } from "./poll.js";
import { html } from "./preact.js";

// A question with its two answers; `work` does it, `onDone` gets what came of it. What cannot be taken back is not
// where the focus is.
export function Confirm({ title, verb, danger, work, onDone, onClose, children }) {
  const [run, { busy, error }] = useAction();
  const submit = async (event) => {
    event.preventDefault();
    const given = await run(work);
    if (given !== undefined) onDone(given);
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${children}
      ${error && html`<p class="trouble" role="alert">${error.message}</p>`}
      <div class="actions"><button class="first ${danger ? "danger" : ""}" aria-disabled=${String(busy)}>${verb}</button>
        <button type="button" autofocus=${danger} onClick=${onClose}>Cancel</button></div>
    </form>
  <//>`;
}
