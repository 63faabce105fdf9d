// The page of sources: which are stale, how each fares, and what was imported.

import { get } from "../common/api.js";
import { useKey } from "../common/hooks.js";
import { html, useEffect, useState } from "../common/preact.js";
import { Shell, start } from "../common/shell.js";
import { Imports } from "./imports.js";
import { SourceTable } from "./source_table.js";

// What the reader's key may do; nothing where there is none, or it cannot be asked.
function useScopes() {
  const [scopes, set] = useState([]);
  const key = useKey();
  useEffect(() => {
    if (key) get("me").then((me) => set(me.scopes), () => {});
  }, [key]);
  return scopes;
}

function Sources() {
  const scopes = useScopes();
  const mayWrite = scopes.includes("write") || scopes.includes("admin");
  return html`<${SourceTable} /><${Imports} mayUndo=${mayWrite} />`;
}

start(html`<${Shell} page="sources"><${Sources} /><//>`);
