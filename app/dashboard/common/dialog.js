// A dialog: the keyboard stays in it, Escape closes it, and the focus goes back to where it was.

import { html, useId, useLayoutEffect, useRef } from "./preact.js";

// Show it for as long as it is drawn. `onClose` is called when the reader leaves; with `stays` Escape does not.
export function Dialog({ title, onClose, stays = false, wide = false, children }) {
  const [ref, id] = [useRef(null), useId()];
  const gone = useRef(false);
  useLayoutEffect(() => {
    const dialog = ref.current;
    const opener = document.activeElement;
    dialog.showModal();
    return () => {
      gone.current = true;
      dialog.close();
      if (!opener?.isConnected) document.querySelector("#main").focus();
    };
  }, []);
  const cancel = (event) => { if (stays) event.preventDefault(); };
  return html`<dialog ref=${ref} class=${wide ? "wide-dialog" : ""} aria-labelledby=${id} onCancel=${cancel}
      onClose=${() => { if (!gone.current) onClose(); }}>
    <h2 id=${id}>${title}</h2>
    ${children}
  </dialog>`;
}
