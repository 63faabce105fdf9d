// Asks for a key in a dialog, once, however many calls wait for the answer.

import { keep } from "./key_storage.js";
import { html, render } from "./preact.js";

let asking = null;

// Resolve with true when a key has been entered and kept, with false when the reader cancels; `why` tells what was wrong with the
// last one.
export function askKey(why) {
  asking ??= new Promise((resolve) => {
    const place = document.createElement("div");
    document.body.append(place);
    const end = (entered) => {
      asking = null;
      place.querySelector("dialog").close();
      render(null, place);
      place.remove();
      resolve(entered);
    };
    const enter = (event) => {
      const form = event.target;
      const text = form.elements.key.value.trim();
      event.preventDefault(); // the form is gone before the browser would see to it
      if (!text) return;
      keep(text, form.elements.remember.checked);
      end(true);
    };
    const cancel = (event) => {
      event.preventDefault();
      end(false);
    };
    render(html`<${KeyDialog} why=${why} onSubmit=${enter} onCancel=${cancel} />`, place);
    place.querySelector("dialog").showModal();
  });
  return asking;
}

function KeyDialog({ why, onSubmit, onCancel }) {
  return html`<dialog id="key" aria-labelledby="key-title" onCancel=${onCancel}>
    <form method="dialog" onSubmit=${onSubmit}>
      <h2 id="key-title">This server asks for a key</h2>
      <p>${why ?? "Reading needs a key here. The page sends it to this server only, and never in an address."}</p>
      <label>Key <input name="key" type="password" autocomplete="off" spellcheck="false" required placeholder="sitrep_…" autofocus /></label>
      <label class="tick"><input name="remember" type="checkbox" /> Remember it in this browser</label>
      <div class="actions"><button class="first">Continue</button><button type="button" onClick=${onCancel}>Cancel</button></div>
    </form>
  </dialog>`;
}
