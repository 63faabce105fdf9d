// Calls the public API with the reader's key, which is never part of an address.

import { askKey } from "./key.js";
import { key } from "./key_storage.js";
import { setTrouble, trouble } from "./trouble.js";

// Where the server's root is, seen from this page: `./` or `../`.
const ROOT = new URL(document.querySelector('meta[name="sitrep-root"]').content, location.href);

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.errors?.map((error) => error.detail).join(" ") || problem.detail || `The server answered ${status}.`);
    this.status = status;
    this.problem = problem;
    this.codes = problem.errors?.map((error) => error.code) ?? [];
  }
}

// The address of a page or of the API, absolute: address("v1/events", [["kind", "attack"]]).
export function address(path, pairs = []) {
  const url = new URL(path, ROOT);
  url.search = new URLSearchParams(pairs).toString();
  return url.href;
}

// Fetch, and note whether the server could be reached.
async function reach(url, options) {
  try {
    const answer = await fetch(url, options);
    if (trouble() === "outage") setTrouble(null);
    return answer;
  } catch (error) {
    if (error.name === "TypeError") setTrouble("outage");
    throw error;
  }
}

let verdict = { key: null, problem: null }; // what the server said of the last key: a problem where it refused it
let trial = null; // settles when there is a verdict on a new key

// Send with a key: a new one by one call, on which the others wait, and a refused one no more, so that it locks nobody out.
async function tried(sent, ask) {
  while (sent && sent !== verdict.key && trial) await trial.catch(() => {});
  if (!sent) return ask();
  if (sent === verdict.key) return verdict.problem ? Response.json(verdict.problem, { status: 401 }) : judged(sent, ask);
  trial = judged(sent, ask).finally(() => { trial = null; });
  return trial;
}

async function judged(sent, ask) {
  const answer = await ask();
  verdict = { key: sent, problem: answer.status === 401 ? await answer.clone().json().catch(() => ({})) : null };
  return answer;
}

// The answer of `v1/<path>`; a missing or bad key is asked for, until the reader enters one or cancels. Refusals are raised as
// Refused.
export async function call(path, pairs, { method = "GET", body, accept = "application/json", headers = {}, signal } = {}) {
  for (;;) {
    const sent = key();
    const answer = await tried(sent, () => reach(address(`v1/${path}`, pairs), {
      method,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: {
        accept,
        ...(body === undefined ? {} : { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" }),
        ...(sent ? { authorization: `Bearer ${sent}` } : {}),
        ...headers,
      },
    }));
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    if (answer.status !== 401) throw new Refused(answer.status, problem);
    if (trouble() !== "locked" && (key() !== sent || await askKey(sent ? problem.detail : null))) continue;
    setTrouble("locked", sent ? problem.detail : null);
    throw new Refused(401, problem);
  }
}

export const get = async (path, pairs, options) => (await call(path, pairs, options)).json();

// A write: the answer's JSON, or null where it has no body.
export async function send(method, path, body, options) {
  const answer = await call(path, [], { method, body, ...options });
  return answer.status === 204 ? null : answer.json();
}
