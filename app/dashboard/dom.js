// Makes elements; every text becomes a text node, so that nothing an event says is ever markup.

const SVG = "http://www.w3.org/2000/svg";

export const find = (selector, within = document) => within.querySelector(selector);

export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// The link to a source, if its address is one of the web; else only its text.
export function sourceLink(url, text) {
  if (!/^https?:\/\//i.test(url ?? "")) return make("span", {}, text);
  return make("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, text);
}
