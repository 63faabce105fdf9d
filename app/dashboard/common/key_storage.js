// Keeps the reader's key: for this tab, or for this browser where the reader asks for that.

const STORED = "sitrep-key";

export const key = () => sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED);

export function forget() {
  sessionStorage.removeItem(STORED);
  localStorage.removeItem(STORED);
}

export function keep(text, remember) {
  forget();
  (remember ? localStorage : sessionStorage).setItem(STORED, text);
}
