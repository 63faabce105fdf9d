// What every part of a page has: a title, a sign that it loads, and an error that can be tried again.

import * as filter from "./filter.js";
import { html } from "./preact.js";

// A panel with its heading; `answer` is what useApi gave (or several), `tools` stands beside the heading.
export function Panel({ id, title, note, tools, answer, children }) {
  const answers = [answer ?? []].flat();
  const failed = answers.find((one) => one.error && !isTold(one.error) && !isOfFilter(one.error));
  const refused = answers.some((one) => one.error && isOfFilter(one.error));
  const waiting = answers.some((one) => one.loading || (one.error && isTold(one.error)));
  const loading = answers.some((one) => one.loading);
  return html`<section id=${id} class="panel" aria-labelledby="${id}-title" aria-busy=${String(loading)}>
    <header><h2 id="${id}-title">${title}</h2><span class="note">${note}</span>${tools}</header>
    ${failed && html`<p class="trouble" role="alert">${sentence(failed.error)}</p>`}
    ${refused
      ? html`<p class="loading">${UNTIL_MENDED}</p>`
      : waiting && answers.every((one) => one.data === null)
        ? html`<p class="loading" role="status">${loading ? "Loading…" : "Waiting for an answer."}</p>`
        : children}
  </section>`;
}

export const UNTIL_MENDED = "Waits for a filter that is valid.";

// Whether the server refuses the filter in the page's address: the head of the page tells what of it.
export function isOfFilter({ status, problem }) {
  const names = filter.asked().map(([name]) => name);
  return status === 422 && problem.errors?.length > 0 && problem.errors.every(({ parameter }) => names.includes(parameter));
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
