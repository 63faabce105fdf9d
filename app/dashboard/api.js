// Calls the public API with the reader's key, which is never part of an address.

import { find } from "./dom.js";

const STORED = "sitrep-key";

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.errors?.map((error) => error.detail).join(" ") || problem.detail || `The server answered ${status}.`);
    this.status = status;
    this.codes = problem.errors?.map((error) => error.code) ?? [];
  }
}

export const key = () => sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED);

export function forget() {
  sessionStorage.removeItem(STORED);
  localStorage.removeItem(STORED);
}

export const address = (path, pairs = []) => (pairs.length ? `v1/${path}?${new URLSearchParams(pairs)}` : `v1/${path}`);

// The answer; a missing or bad key is asked for, as often as it takes.
export async function call(path, pairs, { accept = "application/json", signal } = {}) {
  for (;;) {
    const sent = key();
    const headers = { accept, ...(sent ? { authorization: `Bearer ${sent}` } : {}) };
    const answer = await fetch(address(path, pairs), { headers, signal });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    if (answer.status !== 401) throw new Refused(answer.status, problem);
    if (key() === sent) await askKey(sent ? problem.detail : null);
  }
}

export const get = async (path, pairs, options) => (await call(path, pairs, options)).json();

let asking = null;

// One question at a time, however many calls wait for its answer.
function askKey(why) {
  asking ??= new Promise((resolve) => {
    const dialog = find("#key");
    const form = find("form", dialog);
    if (why) find("#key-why").textContent = why;
    const given = () => {
      const text = form.elements.key.value.trim();
      if (!text) return void dialog.showModal();
      forget();
      (form.elements.remember.checked ? localStorage : sessionStorage).setItem(STORED, text);
      find("#forget").hidden = false;
      form.reset();
      dialog.removeEventListener("close", given);
      asking = null;
      resolve();
    };
    dialog.addEventListener("close", given);
    dialog.showModal();
  });
  return asking;
}
