// Hooks that panels share: answers of the API, the filter in the address, what happens live, the width of an element.

import { get, Refused } from "./api.js";
import * as filter from "./filter.js";
import { key, onKept } from "./key_storage.js";
import { follow } from "./live.js";
import { useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { throttle, wait } from "./wait.js";

const RELOAD_MS = 2000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const MINUTE_MS = 60000;

// Ask for `v1/<path>` with these pairs, and again when they or `revision` change. The last answer stays while a newer one
// loads or fails, so that nothing flickers: {data, error, loading, fresh, revision}, `fresh` telling that data is of these very
// pairs, `revision` which one it answers. A question that is under way is never dropped for a newer revision, so that steady
// traffic starves nobody; where the server cannot be reached or fails, it is asked again until it answers. A path of null
// asks nothing.
export function useApi(path, pairs = [], revision = 0) {
  return useAnswer(path === null ? null : `${path}?${new URLSearchParams(pairs)}`, (signal) => get(path, pairs, { signal }), revision);
}

// The same for an answer of one's own making: `question` is its name, or null, and `ask(signal)` gives its data.
export function useAnswer(question, ask, revision = 0) {
  const [state, set] = useState({ data: null, error: null, loading: question !== null, of: null, revision: null });
  const asking = useRef(null);
  useEffect(() => {
    if (question === null) return undefined;
    const own = asker(ask, (part) => set((before) => ({
      ...before, ...part, ...(part.data === undefined ? {} : { of: question }), ...(part.error ? { failed: question } : {}),
    })));
    asking.current = own;
    return () => own.end();
  }, [question]);
  useEffect(() => { if (question !== null) asking.current.ask(revision); }, [question, revision]);
  const fresh = question !== null && state.of === question;
  return {
    ...state,
    fresh,
    error: state.failed === question ? state.error : null,
    loading: question !== null && (state.loading || (!fresh && state.failed !== question)),
  };
}

// Ask one question as often as it is wanted, one time after the other.
function asker(ask, tell) {
  const ending = new AbortController();
  let [running, wanted, hurry] = [false, null, null];
  const run = async () => {
    let pauseMs = FIRST_WAIT_MS;
    for (let asked; !ending.signal.aborted && asked !== wanted; ) {
      asked = wanted;
      tell({ loading: true });
      try {
        const data = await ask(ending.signal);
        if (!ending.signal.aborted) tell({ data, error: null, loading: asked !== wanted, revision: asked });
      } catch (error) {
        if (ending.signal.aborted) return;
        tell({ error, loading: false });
        if (error instanceof Refused && error.status < 500 && error.status !== 429) continue;
        hurry = new AbortController();
        await wait(pauseMs, AbortSignal.any([ending.signal, hurry.signal]));
        pauseMs = Math.min(pauseMs * 2, LONGEST_WAIT_MS);
        asked = undefined;
      }
    }
    running = false;
  };
  return {
    ask(revision) {
      wanted = revision;
      if (running) return hurry?.abort();
      running = true;
      return run();
    },
    end() { ending.abort(); },
  };
}

// The filter in the page's address: [[name, value]...], the same array until it changes or time may have moved its period.
export function useFilter() {
  const [pairs, set] = useState(filter.pairs);
  useEffect(() => filter.onChange(() => set(filter.pairs())), []);
  useEffect(() => {
    const timer = setInterval(() => { if (filter.value("period")) set(filter.pairs()); }, MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return pairs;
}

// The reader's key, or null; another one may be entered at any time.
export function useKey() {
  const [now, set] = useState(key);
  useEffect(() => onKept(() => set(key())), []);
  return now;
}

const NOTHING = new Map();

// What happens to the events of a filter: {revision, changes, state, paused, toggle, seen}. `revision` grows when their data
// may have changed, at most every 2 s; `changes` has the newest feed item of each event since the filter was set or `seen()`
// was called; `needed` is the revision from which on the page tells the truth again after a break; `toggle` pauses and goes on.
export function useLive(pairs) {
  const [state, set] = useState({ revision: 0, needed: 0, changes: NOTHING, state: "connecting" });
  const [paused, pause] = useState(false);
  const place = useRef({ pairs: null, after: null });
  const coming = useRef(new Map());
  const began = useRef(pairs);
  if (began.current !== pairs) { // another filter: what happened to the one before does not count
    began.current = pairs;
    coming.current = new Map();
  }
  // A layout effect comes before the panels ask, so that the stream begins no later than what they show.
  useLayoutEffect(() => {
    if (place.current.pairs !== pairs) {
      place.current = { pairs, after: null };
      set((before) => ({ ...before, changes: NOTHING }));
    }
    if (paused) {
      set((before) => ({ ...before, state: "paused" }));
      return undefined;
    }
    const more = (extra) => set((before) => ({
      ...before, ...extra(before), revision: before.revision + 1, changes: new Map(coming.current),
    }));
    const reload = throttle(() => more(() => ({})), RELOAD_MS);
    if (coming.current.size) reload(); // what came in just before a pause
    const end = follow(pairs, place.current, {
      onChange(item) {
        coming.current.set(item.subject, item);
        reload();
      },
      onState(told, again) {
        if (again) more((before) => ({ state: told, needed: before.revision + 1 }));
        else set((before) => ({ ...before, state: told }));
      },
      onLost: () => more((before) => ({ needed: before.revision + 1 })),
    });
    return () => {
      reload.stop();
      end();
    };
  }, [pairs, paused]);
  const actions = useRef({
    toggle: () => pause((now) => !now),
    seen() {
      coming.current = new Map();
      set((before) => ({ ...before, changes: NOTHING }));
    },
  });
  return { ...state, changes: place.current.pairs === pairs ? state.changes : NOTHING, paused, ...actions.current };
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
