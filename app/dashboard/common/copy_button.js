// A button that copies a text, for browsers with a clipboard and without.

import { html, useEffect, useState } from "./preact.js";

// Copies a text; says so beside itself. Where the browser has no clipboard (plain http), it selects `source` instead.
export function CopyButton({ text, label = "Copy", source }) {
  const [said, set] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => set(""), 4000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      set("Copied.");
    } catch {
      const range = document.createRange();
      if (source?.current) { range.selectNodeContents(source.current); getSelection().removeAllRanges(); getSelection().addRange(range); }
      set(source?.current ? "Selected: copy it by Ctrl+C." : "The browser does not let this page copy.");
    }
  };
  return html`<span class="copying"><button type="button" onClick=${copy}>${label}</button> <span class="note" role="status">${said}</span></span>`;
}
