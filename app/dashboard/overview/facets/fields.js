// Fields in which one types: words, and numbers from and to.

import * as filter from "../../common/filter.js";
import { title } from "../../common/labels.js";
import { html, useEffect, useRef, useState } from "../../common/preact.js";

const TYPING_MS = 350;

// What a pointer is about to click must not move away under it: what would change the page waits until it is released.
let held = false;
const waiting = [];
const whenReleased = (work) => (held ? waiting.push(work) : work());
const release = () => {
  held = false;
  setTimeout(() => waiting.splice(0).forEach((work) => work()));
};
addEventListener("pointerdown", () => { held = true; }, true);
addEventListener("pointerup", release, true);
addEventListener("pointercancel", release, true);

// An input that shows `value`, and shows it again only when it changes: what is half typed stays through each refresh, and is
// told to be no value when the reader goes on.
export function Field({ label, value, onValue, hint, ...rest }) {
  const input = useRef(null);
  const [fault, tell] = useState("");
  const id = `field-${rest.name}`;
  const check = () => tell(input.current.validationMessage);
  useEffect(() => {
    const typing = document.activeElement === input.current && input.current.value.trim() !== "" && value !== "" && rest.type === "search";
    if (input.current.value !== value && !typing) input.current.value = value;
  }, [value]);
  const take = () => {
    check();
    const text = input.current.value.trim();
    if (input.current.checkValidity() && text !== value) whenReleased(() => onValue(text));
  };
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || null;
  return html`<label class="field" for=${id}><span>${label}</span><input id=${id} ref=${input} autocomplete="off" onChange=${take} onBlur=${check}
      onKeyDown=${(event) => event.key === "Enter" && check()} aria-describedby=${described} aria-invalid=${fault ? "true" : null} ...${rest} /></label>
    ${fault && html`<p class="hint fault" id="${id}-fault" role="alert">${fault}</p>`}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}`;
}

export function Search({ value }) {
  const timer = useRef(0);
  const take = (text) => {
    clearTimeout(timer.current);
    filter.change({ q: text });
  };
  const type = (event) => {
    const text = event.target.value.trim();
    clearTimeout(timer.current);
    timer.current = setTimeout(() => whenReleased(() => take(text)), TYPING_MS);
  };
  return html`<${Field} label="Search" name="q" type="search" value=${value} onValue=${take} onInput=${type}
    hint=${html`Words that all occur, <kbd>"a phrase"</kbd>, <kbd>begin*</kbd>`} />`;
}

// Each measure from and to.
export function Numbers({ measures }) {
  const set = measures.filter((measure) => filter.value(`${measure}_min`) || filter.value(`${measure}_max`)).length;
  const input = (name, title) => html`<${Field} key=${name} label=${title} name=${name} type="number" min="0" step="1" inputmode="numeric"
    value=${filter.value(name)} onValue=${(value) => filter.change({ [name]: value })} />`;
  return html`<details class="facet" data-facet="numbers"><summary>Numbers${set > 0 && html`<span class="note">${set} set</span>`}</summary>
    ${measures.map((measure) => html`<fieldset class="range" key=${measure}>
      <legend>${title(measure)}</legend>${input(`${measure}_min`, "at least")}${input(`${measure}_max`, "at most")}
    </fieldset>`)}
  </details>`;
}
