// Keeps the reader's key: for this tab, or for this browser where the reader asks for that.

const STORED = "sitrep-key";
const listeners = new Set();

export const key = () => sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED);

export function forget() {
  sessionStorage.removeItem(STORED);
  localStorage.removeItem(STORED);
}

export function keep(text, remember) {
  forget();
  (remember ? localStorage : sessionStorage).setItem(STORED, text);
  for (const listener of listeners) listener();
}

// Call the listener when another key is kept; return a function that takes it away again.
export function onKept(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
