/* Names what Swagger UI leaves unnamed, and lets the keyboard reach what scrolls, whenever it has drawn something new. */
"use strict";

const call = (element) => element.closest(".opblock")?.querySelector(".opblock-summary")?.textContent.split("​").join("") ?? "";
const status = (element) => element.closest(".response")?.dataset.code;
const rowName = (element) => element.closest("tr[data-param-name]")?.dataset.paramName;
const isNamed = (element) => element.labels?.length || element.hasAttribute("aria-label") || element.hasAttribute("aria-labelledby");

function fieldName(element) {
  if (element.matches(".examples-select-element")) return status(element) ? `Example of the answer ${status(element)}` : `Example of ${rowName(element) ?? "the body"}`;
  return rowName(element) ?? element.closest(".parameters")?.querySelector(".parameter__name")?.textContent ?? (element.matches("textarea") ? "Body" : element.getAttribute("placeholder") || "Choice");
}

function mend(docs) {
  for (const field of docs.querySelectorAll("select, input:not([type=hidden]), textarea")) if (!isNamed(field)) field.setAttribute("aria-label", fieldName(field));
  for (const box of docs.querySelectorAll("pre, .highlight-code > *, .model-box, .table-container, .body-param__example")) {
    if (!box.hasAttribute("tabindex") && (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight)) box.tabIndex = 0;
  }
  for (const table of docs.querySelectorAll(".responses-table[role=region]:not([aria-label])")) table.setAttribute("aria-label", `Answers of ${call(table)}`);
}

function keepNamed(docs) {
  let due = 0;
  new MutationObserver(() => { due ||= requestAnimationFrame(() => { due = 0; mend(docs); }); }).observe(docs, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
}

keepNamed(document.querySelector("#docs"));
