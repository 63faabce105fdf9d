// Names of regions by their codes of ISO 3166-2, fetched once somebody needs them.

import { useEffect, useReducer } from "./preact.js";

const FILE = `${document.querySelector('meta[name="sitrep-assets"]').content}/regions.json`;
let [asked, names] = [null, {}];

// Redraw the caller when the names have come, which are asked for as soon as `wanted` holds.
export function useRegionNames(wanted) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    if (!wanted) return;
    asked ??= fetch(FILE).then((answer) => answer.json()).then((found) => { names = found; }, () => { asked = null; });
    asked.then(redraw);
  }, [wanted]);
}

// "Kharkiv (UA-63)"; the code alone as long as its name is not known.
export const regionName = (code) => (names[code] ? `${names[code][0]} (${code})` : code);

// Whether each word of a text begins a word of the code or of one name: "kharkiv obl", "Харків".
export function isRegion(code, text) {
  const words = wordsOf(text);
  return [code, ...(names[code] ?? [])].some((name) => {
    const own = wordsOf(`${name} ${code}`);
    return words.every((word) => own.some((one) => one.startsWith(word)) || GENERIC.test(word));
  });
}

// The codes of all regions that a text may mean.
export const regionsOf = (text) => (wordsOf(text).length ? Object.keys(names).filter((code) => isRegion(code, text)) : []);

const GENERIC = /^(oblast|region|province|область|обл)$/;
const wordsOf = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase("en").split(/[^\p{L}\p{N}]+/u).filter(Boolean);
