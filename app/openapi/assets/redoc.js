/* Shows the document in Redoc, by day or by night as the reader's system says. */
"use strict";

const night = window.matchMedia("(prefers-color-scheme: dark)");
const place = document.getElementById("reference");
const read = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function theme() {
  const [paper, ink, soft, line, card, accent, code] = [
    "--paper", "--ink", "--soft", "--line", "--card", "--accent", "--code",
  ].map(read);
  return {
    colors: {
      primary: { main: accent },
      text: { primary: ink, secondary: soft },
      border: { light: line, dark: line },
      gray: { 50: card, 100: line },
      http: { get: "#2f7d4f", post: "#1f6fa8", put: "#8a5a13", patch: "#8a5a13", delete: "#a8322d" },
      responses: night.matches
        ? {
            success: { color: "#7fcf9c", backgroundColor: "#12261b", tabTextColor: "#7fcf9c" },
            error: { color: "#f0958c", backgroundColor: "#2b1717", tabTextColor: "#f0958c" },
            redirect: { color: "#e2c070", backgroundColor: "#262010", tabTextColor: "#e2c070" },
          }
        : {},
    },
    schema: { nestedBackground: card, linesColor: line, typeNameColor: soft, typeTitleColor: soft, arrow: { color: soft } },
    typography: {
      fontSize: "15px",
      fontFamily: read("--sans"),
      headings: { fontFamily: read("--sans"), fontWeight: "650" },
      code: { fontFamily: read("--mono"), fontSize: "13px", color: night.matches ? "#ffb45c" : "#9a4a00", backgroundColor: code },
      links: { color: accent },
    },
    sidebar: { backgroundColor: card, textColor: ink, activeTextColor: accent, arrow: { color: soft } },
    rightPanel: { backgroundColor: night.matches ? "#0a1015" : "#16222d" },
  };
}

function show() {
  const options = {
    disableSearch: false,
    expandDefaultServerVariables: false,
    hideHostname: true,
    hideSecuritySection: false,
    jsonSampleExpandLevel: 3,
    pathInMiddlePanel: true,
    requiredPropsFirst: false,
    scrollYOffset: 0,
    theme: theme(),
  };
  Redoc.init("openapi.json", options, place);
}

night.addEventListener("change", () => window.location.reload());
show();
