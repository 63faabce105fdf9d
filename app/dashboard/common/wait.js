// Waits that end early: when the network comes back, when somebody is told to hurry, or when the whole is given up.

// Resolve after so many milliseconds, at once when the browser is online again, or when the signal aborts.
export function wait(ms, signal) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    addEventListener("online", over);
    signal.addEventListener("abort", over);
    if (signal.aborted) over();
  });
}

// Return a function that calls `act` at once, and when it is called again soon, once more after `ms`: however often it is
// called, `act` runs every `ms` and not more often. It waits while the page is hidden.
export function throttle(act, ms) {
  let [timer, last] = [0, -Infinity];
  const run = () => {
    timer = 0;
    if (document.hidden) return addEventListener("visibilitychange", ask, { once: true });
    last = performance.now();
    return act();
  };
  const ask = () => { timer ||= setTimeout(run, Math.max(0, last + ms - performance.now())); };
  ask.stop = () => {
    clearTimeout(timer);
    removeEventListener("visibilitychange", ask);
  };
  return ask;
}
