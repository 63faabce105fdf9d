// What keeps every part of a page from its answers, so that it is told once: an "outage", or "locked" for want of a key.

import { useEffect, useReducer } from "./preact.js";

let [state, reason] = [null, null];
const listeners = new Set();

export const trouble = () => state;

// Why the last key was refused, where one was.
export const why = () => reason;

export function setTrouble(next, because = null) {
  if (next === state) return;
  [state, reason] = [next, because];
  for (const listener of listeners) listener();
}

// The state, and a redraw when it changes.
export function useTrouble() {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  }, []);
  return state;
}
