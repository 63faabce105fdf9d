// Fields of a form that show what the API says of them.

import { html, useId } from "../common/preact.js";

// The sentences of a refusal that concern this place in the body, or what lies below it.
export function faultsAt(error, pointer) {
  const at = (fault) => fault.pointer === pointer || fault.pointer?.startsWith(`${pointer}/`);
  return (error?.problem?.errors ?? []).filter(at).map((fault) => fault.detail);
}

// What a refusal says beside the fields: all of it that no field with one of these pointers shows.
export function otherFaults(error, pointers) {
  if (!error) return null;
  const faults = error.problem?.errors ?? [];
  if (!faults.length) return error.name === "TypeError" ? "The server cannot be reached. Nothing was changed; try again." : error.message;
  const shown = pointers.flatMap((pointer) => faultsAt(error, pointer));
  const others = faults.map((fault) => fault.detail).filter((detail) => !shown.includes(detail));
  return others.length ? others.join(" ") : "Some fields were refused; see what is said beside them.";
}

// Lead to the first field of a form with a fault, or to what is said of the whole, once these are drawn.
export function focusFault(form) {
  requestAnimationFrame(() => (form.current?.querySelector("[aria-invalid]") ?? form.current?.querySelector(".trouble"))?.focus());
}

// A labelled control: `control(attributes)` draws it with the id and what ties the fault and the hint to it.
export function Field({ label, hint, faults = [], control }) {
  const id = useId();
  const told = [faults.length && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${control({ id, "aria-describedby": told || null, "aria-invalid": faults.length ? "true" : null })}
    ${faults.length > 0 && html`<p class="fault" id="${id}-fault">${faults.join(" ")}</p>`}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

export function TextField({ label, hint, faults, value, onInput, ...more }) {
  const control = (ties) => html`<input ...${ties} ...${more} value=${value} onInput=${(event) => onInput(event.target.value)} />`;
  return html`<${Field} label=${label} hint=${hint} faults=${faults} control=${control} />`;
}

// Radio buttons under a title: options of [value, title, hint].
export function Choice({ title, value, options, onChange, faults = [] }) {
  const id = useId();
  return html`<fieldset class="choice">
    <legend>${title}</legend>
    ${options.map(([option, label, hint]) => html`<label key=${option}>
      <input type="radio" name=${id} value=${option} checked=${option === value} onChange=${() => onChange(option)} />
      <span>${label}${hint && html` <span class="hint">${hint}</span>`}</span>
    </label>`)}
    ${faults.length > 0 && html`<p class="fault">${faults.join(" ")}</p>`}
  </fieldset>`;
}
