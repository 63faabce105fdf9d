// What every part of a page has: a title, a sign that it loads, and an error that can be tried again.

import { html } from "./preact.js";

// A panel with its heading; `answer` is what useApi gave (or several), `tools` stands beside the heading.
export function Panel({ id, title, note, tools, answer, children }) {
  const answers = [answer ?? []].flat();
  const failed = answers.find((one) => one.error && !isTold(one.error));
  const waiting = answers.some((one) => one.loading || (one.error && isTold(one.error)));
  const loading = answers.some((one) => one.loading);
  return html`<section id=${id} class="panel" aria-labelledby="${id}-title" aria-busy=${String(loading)}>
    <header><h2 id="${id}-title">${title}</h2><span class="note">${note}</span>${tools}</header>
    ${failed && html`<p class="trouble" role="alert">${sentence(failed.error)}</p>`}
    ${waiting && answers.every((one) => one.data === null) ? html`<p class="loading" role="status">${loading ? "Loading…" : "Waiting for an answer."}</p>` : children}
  </section>`;
}

// Whether the server could not be reached at all; the page asks again by itself.
export const isOutage = (error) => error.name === "TypeError";

// Whether the frame of the page tells of it, so that no part of it needs to.
export const isTold = (error) => isOutage(error) || error.status === 401;

// An error as a sentence that tells what would help.
export function sentence(error) {
  if (isOutage(error)) return "The server cannot be reached. The page tries again by itself.";
  return error.message;
}
