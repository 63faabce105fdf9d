// Chooses how the events are shown: as a list or as a table, and with which columns.

import { html, useEffect, useRef } from "../../common/preact.js";
import { ALL } from "./columns.js";

export function ViewSwitch({ view, onChange }) {
  return html`<div class="segments" role="group" aria-label="Show as">
    ${[["list", "List"], ["table", "Table"]].map(([name, title]) => html`
      <button type="button" aria-pressed=${String(view === name)} onClick=${() => onChange(name)}>${title}</button>`)}
  </div>`;
}

export function ColumnsMenu({ names, onChange }) {
  const menu = useRef(null);
  useEffect(() => {
    const leave = (event) => {
      if (event.type === "keydown" ? event.key === "Escape" && menu.current.open : !menu.current.contains(event.target)) {
        if (event.type === "keydown") menu.current.querySelector("summary").focus();
        menu.current.open = false;
      }
    };
    document.addEventListener("keydown", leave);
    document.addEventListener("pointerdown", leave);
    return () => { document.removeEventListener("keydown", leave); document.removeEventListener("pointerdown", leave); };
  }, []);
  const toggle = (name) => {
    const chosen = names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
    if (chosen.length) onChange(ALL.map(([one]) => one).filter((one) => chosen.includes(one)));
  };
  return html`<details ref=${menu} class="menu"><summary>Columns</summary>
    <fieldset><legend class="unseen">Columns of the table</legend>
      ${ALL.map(([name, title]) => html`<label><input type="checkbox" checked=${names.includes(name)}
        disabled=${names.length === 1 && names[0] === name} onChange=${() => toggle(name)} /> ${title}</label>`)}
    </fieldset>
  </details>`;
}
