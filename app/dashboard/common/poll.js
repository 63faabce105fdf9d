// Answers that are kept fresh while the page is looked at, and writes that tell how they went.

import { useApi } from "./hooks.js";
import { useEffect, useReducer, useRef, useState } from "./preact.js";

const LONGEST_WAIT_MS = 120000;

// As useApi, asked again every `every` milliseconds while the page is seen, more seldom while it fails, and at once by
// `refresh()`.
export function usePolled(path, pairs = [], every = 5000) {
  const [revision, refresh] = useReducer((count) => count + 1, 0);
  const answer = useApi(path, pairs, revision);
  const failures = useRef(0);
  useEffect(() => {
    if (path === null || answer.loading) return undefined;
    failures.current = answer.error ? failures.current + 1 : 0;
    const due = Date.now() + Math.min(every * 2 ** failures.current, LONGEST_WAIT_MS);
    const look = () => { if (!document.hidden && Date.now() >= due) refresh(); };
    const timer = setTimeout(look, due - Date.now());
    document.addEventListener("visibilitychange", look);
    return () => { clearTimeout(timer); document.removeEventListener("visibilitychange", look); };
  }, [path, answer.loading, revision]);
  return { ...answer, refresh };
}

// A polled list that comes in pages: beside the answer `older` and `newer`, functions where there is such a page.
export function usePages(path, pairs = [], every = 5000) {
  const question = `${path}?${new URLSearchParams(pairs)}`;
  const [trail, set] = useState({ question, cursors: [] });
  const cursors = trail.question === question ? trail.cursors : [];
  const answer = usePolled(path, [...pairs, ...cursors.slice(-1).map((cursor) => ["cursor", cursor])], every);
  const next = answer.fresh ? answer.data?.next : null;
  return {
    ...answer,
    older: next ? () => set({ question, cursors: [...cursors, next] }) : null,
    newer: cursors.length ? () => set({ question, cursors: cursors.slice(0, -1) }) : null,
  };
}

// Do something once at a time: [run, {busy, error}, clear]. `run(work)` gives what the work gave, or undefined where it failed.
export function useAction() {
  const [state, set] = useState({ busy: false, error: null });
  const busy = useRef(false);
  const run = async (work) => {
    if (busy.current) return undefined;
    busy.current = true;
    set({ busy: true, error: null });
    try {
      const given = await work();
      set({ busy: false, error: null });
      return given;
    } catch (error) {
      set({ busy: false, error });
      return undefined;
    } finally {
      busy.current = false;
    }
  };
  return [run, state, () => set({ busy: false, error: null })];
}
