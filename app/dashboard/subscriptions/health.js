// What the state of a subscription, and the error of a try, mean and what would help.

import { number, plural } from "../common/format.js";
import { since } from "../common/freshness.js";

const REASONS = {
  gone: "your endpoint answered 410 Gone",
  failing: "it failed for five days",
  "no-key": "its owner has no valid key left that may subscribe",
};

const ERRORS = {
  status: "the answer was not 2xx",
  timeout: "no complete answer came in time",
  dns: "the host's name has no address",
  "refused-address": "the address must not be called: it is not public",
  tls: "the TLS connection failed: look at the certificate",
  connect: "no connection could be made",
  payload: "the change itself could not be read",
};

const SETTLED = { pull: "Your program fetches and acknowledges at its own pace.", push: "Changes are delivered." };

export const deliveries = (count) => `${number(count)} ${count === 1 ? "delivery" : "deliveries"}`;

export const states = (subscription) => ({ needsCare: ["pending", "failing", "disabled"].includes(subscription.status) || subscription.dead > 0 });

// `status 500`, or `timeout: no complete answer came in time`.
export function inWordsOfError(error, code) {
  if (!error) return "";
  if (error === "status") return `status ${code}`;
  const [name] = error.split(" ");
  return ERRORS[name] && name !== "status" ? `${error}: ${ERRORS[name]}` : error;
}

// How it fares and what to do, in sentences.
export function explanation({ status, mode, disabled_reason: reason, failing_since: from, consecutive_failures: failures, last_error: error, dead }) {
  const why = error ? ` Last error: ${inWordsOfError(error)}.` : "";
  const lost = dead ? ` ${deliveries(dead)} given up after all tries: retry them once the cause is gone.` : "";
  switch (status) {
    case "pending":
      return `Waiting for your endpoint: nothing is sent until it answers a signed ping with 2xx. Start it, then send a test.${why}`;
    case "failing":
      return `Failing since ${since(from)}: ${failures} requests in a row have failed. One delivery at a time is tried until one succeeds; nothing is lost. Repair the endpoint, then send a test or press Activate. After five days it is disabled.${why}${lost}`;
    case "disabled":
      return `Given up, because ${REASONS[reason] ?? reason}. ${reason === "no-key" ? "Make a key for its owner" : "Repair the endpoint"}, then press Activate: after a good ping it goes on where it stopped.${why}${lost}`;
    case "paused":
      return `Paused. The cursor stays where it is, so nothing is lost; Resume goes on from there.${lost}`;
    default:
      return `${SETTLED[mode]}${failures ? ` The last ${plural(failures, "request")} failed; each is tried again.${why}` : ""}${lost}`;
  }
}

// What came of a test.
export function resultOf({ ok, status_code: code, duration_ms: took, error }) {
  return ok ? `The endpoint answered the signed ping with ${code} in ${took} ms.` : `The signed ping failed after ${took} ms: ${inWordsOfError(error, code)}.`;
}
