// Which view the page's address names: all subscriptions, one of them, or a new one with a filter.

import { address } from "../common/api.js";
import * as filter from "../common/filter.js";
import { html, useEffect, useState } from "../common/preact.js";

const listeners = new Set();

function read() {
  const query = new URLSearchParams(location.search);
  const id = query.get("subscription");
  if (id) return { name: "one", id };
  const pairs = filter.lasting();
  const changes = query.getAll("change").map((value) => ["change", value]);
  const given = [...pairs, ...changes];
  return query.has("new") || given.length ? { name: "new", pairs: given } : { name: "all" };
}

const hrefOf = (query) => address("subscriptions") + (query ? `?${query}` : "");

// Show the view that the query names, and put it into the address.
export function go(query = "") {
  history.pushState(null, "", hrefOf(query));
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}

addEventListener("popstate", tell);

export function useView() {
  const [view, set] = useState(read);
  useEffect(() => {
    const change = () => set(read());
    listeners.add(change);
    return () => listeners.delete(change);
  }, []);
  return view;
}

// A link to a view: it needs no new page, but may be opened in one.
export function Link({ query = "", children, ...more }) {
  const follow = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(query);
  };
  return html`<a ...${more} href=${hrefOf(query)} onClick=${follow}>${children}</a>`;
}
