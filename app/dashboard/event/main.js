// The page of one event.

import { html } from "../common/preact.js";
import { start } from "../common/shell.js";
import { EventPage } from "./event_page.js";

start(html`<${EventPage} />`);
