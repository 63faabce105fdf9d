// The frame of every page: the bar on top, the footer, and a voice for screen readers.

import { address } from "./api.js";
import { useKey } from "./hooks.js";
import { forget } from "./key_storage.js";
import { html, render } from "./preact.js";
import { setTrouble, useTrouble, why } from "./trouble.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

const PAGES = [["", "Dashboard"], ["subscriptions", "Subscriptions"], ["sources", "Sources"], ["docs", "Try the API"], ["redoc", "Reference"]];

// Show a page: `page` is its path from the root, `tools` stand at the right end of the bar, `skips` are more links to skip by:
// [[id, text]...].
export function Shell({ page, tools, skips = [], children }) {
  const key = useKey();
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    ${skips.map(([id, text]) => html`<a class="skip" key=${id} href="#${id}">${text}</a>`)}
    <header class="bar">
      <a class="brand" href=${address("")}><img src="${meta("sitrep-assets")}/favicon.svg" width="26" height="26" alt="" />Sitrep</a>
      <nav aria-label="Pages">${PAGES.map(([path, title]) => html`<a href=${address(path)} aria-current=${path === page ? "page" : null}>${title}</a>`)}</nav>
      ${tools}
    </header>
    <main id="main" tabindex="-1"><${Trouble} />${children}</main>
    <footer>
      <span>Sitrep ${meta("sitrep-release")}</span>
      <a href=${address("openapi.json")}>OpenAPI</a>
      ${key && html`<button type="button" class="plain" onClick=${() => { forget(); location.reload(); }}>Forget the key</button>`}
    </footer>
    <div id="said" class="unseen" aria-live="polite"></div>`;
}

// What all parts of the page wait for.
function Trouble() {
  const trouble = useTrouble();
  if (trouble === "outage") return html`<p id="outage" class="trouble" role="alert">The server cannot be reached. The page tries again by itself.</p>`;
  if (trouble !== "locked") return null;
  const again = () => { setTrouble(null); location.reload(); };
  const enter = html`<button type="button" class="plain" onClick=${again}>Enter a key</button>`;
  if (!why()) return html`<p id="locked" class="trouble" role="alert">This server shows nothing here without a key. ${enter}</p>`;
  const forgetIt = html`<button type="button" class="plain" onClick=${() => { forget(); again(); }}>Forget this one</button>`;
  return html`<p id="locked" class="trouble" role="alert">${why()} The page reads nothing until there is another one. ${enter} ${forgetIt}</p>`;
}

// Let screen readers say a sentence.
export function say(text) {
  document.querySelector("#said").textContent = text;
}

// Draw the page in place of the sign that it loads.
export function start(page) {
  const app = document.querySelector("#app");
  app.replaceChildren();
  render(page, app);
}
