/* Shows the document in Swagger UI, by day or by night as the reader's system says. */
"use strict";

const night = window.matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", night.matches);
night.addEventListener("change", dress);
dress();

/* The calls come first here; the long introduction is a click away. */
function shortened(description) {
  const [first] = description.split("\n\n");
  return `${first}\n\nHow to ask, follow and write is told in the [reference](redoc).`;
}

/* What assistive technology trips over: text outside every landmark, no heading between the title's and the groups' or
 * between the webhooks' and one's parts, and a link within a button, which does what the button does; and what Swagger
 * UI itself misses: a field for a UUID. */
const wrap = (name, draw) => ({ wrapComponents: { [name]: (Original, { React }) => (props) => draw(React.createElement, Original, props) } });
const headed = (level, text) => (create, Original, props) => create("div", null, create(level, { className: "unseen" }, text), create(Original, props));
const between = (create, Original, props) =>
  props.specPath?.first() === "webhooks" ? headed("h3", props.operation.get("summary") ?? "Webhook")(create, Original, props) : create(Original, props);
const plugins = [
  wrap("InfoContainer", (create, Original, props) => create("section", { "aria-label": "About" }, create(Original, props))),
  wrap("FilterContainer", (create, Original, props) => create("div", { role: "search" }, create(Original, props))),
  wrap("operations", headed("h2", "Calls")),
  wrap("operation", between),
  wrap("DeepLink", (create, _, { text }) => create("span", null, text)),
  wrap("Models", headed("h3", "Schemas")),
  ({ React, getComponent }) => ({ components: { JsonSchema_string_uuid: (props) => React.createElement(getComponent("JsonSchema_string"), props) } }),
];

async function show() {
  const answer = await fetch("openapi.json");
  const spec = await answer.json();
  spec.info.description = shortened(spec.info.description);
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: "#docs",
    deepLinking: true,
    defaultModelExpandDepth: 2,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    docExpansion: "list",
    filter: true,
    plugins,
    persistAuthorization: false,
    showCommonExtensions: true,
    syntaxHighlight: { theme: "obsidian" },
    validatorUrl: null,
  });
}

show();
