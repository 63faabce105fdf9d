// The filter bar: what every kind has, the facets of the one that is chosen, and what is active as chips.

import { get } from "./api.js";
import { find, make } from "./dom.js";
import * as filter from "./filter.js";
import { spoken } from "./words.js";

const ZONES = ["UTC", "Europe/Kyiv", "Europe/Brussels", "Europe/London", "Europe/Moscow", "America/New_York", "Asia/Kolkata"];
const SUGGESTED = ["country", "actor"];
const TYPING_MS = 350;
let kinds = [];

export async function build() {
  kinds = (await get("kinds")).items;
  find("#controls").replaceChildren(
    field("Search", make("input", { name: "q", type: "search", placeholder: "words", title: "words, \"a phrase\", begin*" })),
    field("Kind", select("kind", "Any kind", kinds.map((kind) => [kind.kind, kind.title]))),
    field("From", make("input", { name: "since", type: "date" })),
    field("Until", make("input", { name: "until", type: "date" })),
    field("Country", suggesting("country", "UA")),
    field("Actor", suggesting("actor", "name or code")),
    field("Number", make("select", { name: "measure" })),
    field("Zone", select("timezone", "UTC", zones())),
  );
  for (const form of [find("#controls"), find("#own")]) {
    form.addEventListener("change", edited);
    form.addEventListener("input", typed);
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  show();
}

const zones = () => ZONES.slice(1).map((zone) => [zone, zone.split("/")[1].replace("_", " ")]);

function field(label, control) {
  return make("label", {}, make("span", {}, label), control);
}

function select(name, any, options) {
  return make("select", { name }, make("option", { value: "" }, any), options.map(([value, text]) => make("option", { value }, text)));
}

// A text field that offers the values there are, once somebody goes there.
function suggesting(name, placeholder) {
  const list = make("datalist", { id: `values-${name}` });
  const input = make("input", { name, type: "text", placeholder, list: list.id, autocomplete: "off", onfocus: () => suggest(name, list) });
  return make("span", { class: "suggesting" }, input, list);
}

async function suggest(name, list) {
  const pairs = [...filter.asked(), ["facet", name], ["limit", "50"]];
  const found = await get("stats/facets", pairs).catch(() => ({ facets: { [name]: [] } }));
  list.replaceChildren(...found.facets[name].map(({ value, count }) => make("option", { value, label: `${value} · ${count}` })));
}

let typing = 0;

function typed(event) {
  if (event.target.name !== "q") return;
  clearTimeout(typing);
  typing = setTimeout(() => edited(event), TYPING_MS);
}

function edited(event) {
  clearTimeout(typing);
  const { name, value } = event.target;
  if (!event.target.checkValidity()) return;
  const changes = { [name]: value.trim() };
  if (name === "kind") {
    for (const facet of own(filter.value("kind"))?.facets ?? []) changes[facet.name] = "";
    const measures = own(value)?.measures;
    if (measures && !measures.includes(filter.value("measure"))) changes.measure = "";
  }
  filter.change(changes);
}

const own = (kind) => kinds.find((one) => one.kind === kind);

// Let the bar say what the address says.
export function show() {
  const kind = filter.values("kind").length === 1 ? own(filter.value("kind")) : null;
  const measures = kind ? kind.measures : [...new Set(kinds.flatMap((one) => one.measures))];
  find("[name=measure]").replaceChildren(
    make("option", { value: "" }, "Events"),
    ...measures.map((measure) => make("option", { value: measure }, spoken(measure))),
  );
  const form = find("#own");
  form.hidden = !kind;
  form.replaceChildren(...(kind?.facets ?? []).map((facet) => field(spoken(facet.name), facetControl(facet))));
  for (const control of document.querySelectorAll("#controls [name], #own [name]")) set(control);
  find("#chips").replaceChildren(...chips());
}

function facetControl({ name, values }) {
  return values ? select(name, "Any", values.map((value) => [value, spoken(value)])) : suggesting(name, "any");
}

function set(control) {
  if (control === document.activeElement && control.type === "search") return;
  const value = filter.value(control.name);
  if (control.tagName === "SELECT" && value && ![...control.options].some((option) => option.value === value)) {
    control.append(make("option", { value }, value));
  }
  control.value = control.type === "date" ? value.slice(0, 10) : value;
}

function chips() {
  const shown = filter.asked().filter(([name, value]) => name !== "radius_km" && !(name === "timezone" && value === "UTC"));
  const list = shown.map(([name, value]) =>
    make("li", {}, make("button", { type: "button", onclick: () => filter.drop(name, value), "aria-label": `Take off ${spoken(name)} ${value}` },
      make("span", { class: "name" }, spoken(name)), ` ${spoken(value)}`)));
  if (list.length > 1) list.push(make("li", {}, make("button", { type: "button", class: "clear", onclick: filter.clear }, "Clear all")));
  return list;
}
