// What keeps every part of a page from its answers, so that it is told once: an "outage", or "locked" for want of a key.

import { useEffect, useReducer } from "./preact.js";

let state = null;
const listeners = new Set();

export const trouble = () => state;

export function setTrouble(next) {
  if (next === state) return;
  state = next;
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
