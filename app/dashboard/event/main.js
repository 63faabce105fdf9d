// The page of one event.

import { html } from "../common/preact.js";
import { Shell, start } from "../common/shell.js";

start(html`<${Shell} page="events"><h1>Event</h1><//>`);
