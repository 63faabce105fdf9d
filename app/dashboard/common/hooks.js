// Hooks that panels share: answers of the API, the filter in the address, the width of an element.

import { get } from "./api.js";
import * as filter from "./filter.js";
import { useEffect, useRef, useState } from "./preact.js";

// Ask for `v1/<path>` with these pairs, and again when they or `revision` change. The last answer stays while a newer one
// loads or fails, so that nothing flickers: {data, error, loading, fresh}, `fresh` telling that data is of these very pairs.
// A path of null asks nothing.
export function useApi(path, pairs = [], revision = 0) {
  const question = path === null ? null : `${path}?${new URLSearchParams(pairs)}`;
  const [state, set] = useState({ data: null, error: null, loading: question !== null, of: null });
  useEffect(() => {
    if (question === null) return undefined;
    const asking = new AbortController();
    set((before) => ({ ...before, loading: true }));
    get(path, pairs, { signal: asking.signal }).then(
      (data) => set({ data, error: null, loading: false, of: question }),
      (error) => { if (!asking.signal.aborted) set((before) => ({ ...before, error, loading: false })); },
    );
    return () => asking.abort();
  }, [question, revision]);
  return { ...state, fresh: state.of === question };
}

// The filter in the page's address: [[name, value]...], the same array until it changes.
export function useFilter() {
  const [pairs, set] = useState(filter.pairs);
  useEffect(() => filter.onChange(() => set(filter.pairs())), []);
  return pairs;
}

// A ref, and the width in CSS pixels of the element that has it.
export function useWidth() {
  const ref = useRef(null);
  const [width, set] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => set(Math.round(entry.contentRect.width)));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

// True while the media query holds.
export function useMedia(query) {
  const [holds, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const tell = () => set(media.matches);
    media.addEventListener("change", tell);
    return () => media.removeEventListener("change", tell);
  }, [query]);
  return holds;
}
