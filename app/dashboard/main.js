// The dashboard: asks the API what the address says, shows it, and keeps it as it is now.

import { forget, get, key, Refused } from "./api.js";
import * as code from "./code.js";
import * as controls from "./controls.js";
import { find } from "./dom.js";
import * as filter from "./filter.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as map from "./map.js";
import * as series from "./series.js";
import * as sources from "./sources.js";
import * as timeline from "./timeline.js";
import { plural } from "./words.js";

const GATHER_MS = 400;
let round = 0;
let limit = list.PAGE;
let fresh = new Set();

// Ask for everything at once, and show it only if nothing newer was asked meanwhile.
async function refresh({ follow = true } = {}) {
  const mine = ++round;
  const pairs = filter.asked();
  document.body.classList.add("busy");
  try {
    const [page, { count }, line, places, staged] = await Promise.all([
      list.load(pairs, limit), get("events/count", pairs), series.load(pairs), map.load(pairs), timeline.load(pairs),
    ]);
    if (mine !== round) return;
    find("#trouble").hidden = true;
    find("#count").textContent = plural(count, "event");
    document.title = `${plural(count, "event")} · Sitrep`;
    list.show(page, fresh);
    series.show(line);
    await map.show(places, count);
    timeline.show(staged, open);
    if (follow) live.follow(pairs, page.as_of, changed);
  } catch (error) {
    if (mine === round) complain(error);
  } finally {
    if (mine === round) document.body.classList.remove("busy");
  }
}

function complain(error) {
  const trouble = find("#trouble");
  trouble.textContent = error instanceof Refused ? error.message : "The server cannot be reached. The page tries again when you change the filter.";
  trouble.hidden = false;
}

let gathering = 0;

// Changes that come together are shown together; null means that some may have been missed.
function changed(item) {
  if (item) {
    fresh.add(item.subject);
    find("#said").textContent = `${item.type.split(".")[1]}: ${item.data.title ?? "an event was deleted"}`;
  }
  clearTimeout(gathering);
  gathering = setTimeout(() => refresh({ follow: item === null }), GATHER_MS);
}

function open(id) {
  if (!list.reveal(id)) filter.change({ id });
}

function asked() {
  limit = list.PAGE;
  fresh = new Set();
  controls.show();
  code.show(filter.asked());
  refresh();
}

const KEYS = {
  "/": () => { find("#filters").open = true; find("[name=q]").focus(); },
  j: () => list.move(1),
  k: () => list.move(-1),
  p: live.toggle,
  c: filter.clear,
  "?": () => find("#keys").showModal(),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  if (event.key === "Enter" && event.target.matches("#list > li")) return list.openFocused();
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
}

function listen() {
  filter.onChange(asked);
  addEventListener("keydown", pressed);
  addEventListener("online", () => changed(null));
  find("#live").addEventListener("click", live.toggle);
  find("#help").addEventListener("click", KEYS["?"]);
  find("#more").addEventListener("click", () => { limit = Math.min(limit + 100, 1000); refresh({ follow: false }); });
  find("#forget").addEventListener("click", () => { forget(); location.reload(); });
  const drawn = () => { series.resize(); timeline.render(); };
  let resizing = 0;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(drawn, 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => refresh({ follow: false }));
  map.listen();
}

find("#forget").hidden = !key();
find("#filters").open = matchMedia("(min-width: 760px)").matches;
listen();
controls.build().then(asked, complain).then(sources.watch);
