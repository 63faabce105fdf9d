// The dashboard: filter, map, time, facets and events, kept as they are now.

import { html } from "../common/preact.js";
import { start } from "../common/shell.js";
import { Overview } from "./overview.js";

start(html`<${Overview} />`);
