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
    persistAuthorization: false,
    showCommonExtensions: true,
    validatorUrl: null,
  });
}

show();
