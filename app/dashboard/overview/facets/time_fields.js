// From, until and the zone of days; Until counts the whole of its day, so that one day is From = Until.

import * as filter from "../../common/filter.js";
import { addDays, isDay } from "../../common/labels.js";
import { html, useEffect, useState } from "../../common/preact.js";
import { Field } from "./fields.js";

const YEARS = { min: "1900-01-01", max: "2200-12-30" };
const OLD_NAMES = { "Europe/Kiev": "Europe/Kyiv", "Asia/Calcutta": "Asia/Kolkata", "Asia/Saigon": "Asia/Ho_Chi_Minh", "Asia/Katmandu": "Asia/Kathmandu" };
const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone").map((zone) => OLD_NAMES[zone] ?? zone)];

// The zone as the server spells it, or undefined where there is none of that name.
function spell(zone) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    return undefined;
  }
  return ZONES.find((one) => one.toLowerCase() === zone.toLowerCase()) ?? (/^[A-Za-z]/.test(zone) ? zone : undefined);
}

// The day of a time, if it begins with one.
const dayOf = (text) => (isDay(text.slice(0, 10)) ? text.slice(0, 10) : "");

export function TimeFields() {
  const [since, until] = [filter.value("since"), filter.value("until")];
  const [first, last] = [dayOf(since), isDay(until) ? addDays(until, -1) : dayOf(until)];
  return html`<fieldset class="time"><legend class="unseen">Time</legend>
    <${Field} label="From" name="since" type="date" ...${YEARS} value=${first} onValue=${(day) => filter.change({ since: day })} />
    <${Field} label="Until" name="until" type="date" ...${YEARS} value=${last} onValue=${(day) => filter.change({ until: day && addDays(day, 1) })} />
    <${Zone} />
    ${first && last && first > last && html`<p class="hint" role="status">From is after Until, so nothing can match.</p>`}
  </fieldset>`;
}

// The names of zones are many: they are listed once somebody goes there.
function Zone() {
  const [listed, list] = useState(false);
  const [unknown, tell] = useState(false);
  const value = filter.value("timezone");
  useEffect(() => tell(false), [value]);
  const set = (zone) => {
    const known = zone === "" ? "" : spell(zone);
    tell(known === undefined);
    if (known !== undefined) filter.change({ timezone: known });
  };
  return html`
    <${Field} label="Zone" name="timezone" type="text" list="zones" placeholder="UTC" value=${value} onFocus=${() => list(true)} onValue=${set} />
    <datalist id="zones">${listed && ZONES.map((zone) => html`<option value=${zone} />`)}</datalist>
    ${unknown && html`<p class="hint" role="alert">There is no zone of that name. Choose one from the list, such as Europe/Kyiv.</p>`}`;
}
