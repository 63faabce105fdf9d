// The page of subscriptions.

import { html } from "../common/preact.js";
import { Shell, start } from "../common/shell.js";

start(html`<${Shell} page="subscriptions"><h1>Subscriptions</h1><//>`);
