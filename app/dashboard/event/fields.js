// Any value of an event as people read it: what a release to come adds is shown too, by the name of its field.

import { date, number, spoken } from "../common/format.js";
import { country } from "../common/labels.js";
import { html } from "../common/preact.js";
import { ScrollBox } from "../common/scroll_box.js";
import { isEstimate } from "./diff.js";
import { useFold } from "./fold.js";

const LONG_CHARACTERS = 24;
const NAMES = {
  lat: "latitude", lon: "longitude", url: "address", ref: "reference", imo: "IMO number", bic: "BIC", ids: "identifiers", id: "id",
  admin1: "division", rate_pct: "rate in percent", rate_low_pct: "lowest rate in percent", rate_high_pct: "highest rate in percent",
};
const COUNTRY = /^(country|countries|ultimate_target|.*_country)$/;
const VOCABULARY = /^[a-z0-9]+(_[a-z0-9]+)+$/;
const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const QUALIFIERS = { at_least: "at least ", at_most: "at most ", approximately: "about ", exact: "", unknown: "" };

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const isEmpty = (value) => value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)
  || (isObject(value) && !isEstimate(value) && Object.values(value).every(isEmpty));
const isPlain = (value) => !isObject(value) || isEstimate(value);

export const fieldName = (key) => NAMES[key] ?? spoken(key);

// 810, about 810 (805–823), or each bound by its name where one is missing.
export function estimate({ low, best, high, qualifier }) {
  const said = Object.entries({ low, best, high }).filter(([, count]) => count !== null && count !== undefined);
  if (!said.length) return "an unknown number";
  const before = QUALIFIERS[qualifier] ?? `${spoken(qualifier)} `;
  if (said.length < 3) return before + said.map(([name, count]) => (said.length === 1 && name === "best" ? number(count) : `${name} ${number(count)}`)).join(", ");
  return before + (low === high && low === best ? number(best) : `${number(best)} (${number(low)}–${number(high)})`);
}

// A value without markup, for titles and comparisons.
export function plainText(key, value, zone) {
  if (isEmpty(value)) return "nothing";
  if (isEstimate(value)) return estimate(value);
  if (Array.isArray(value)) return value.map((one) => plainText(key, one, zone)).join("; ");
  if (isObject(value)) {
    return Object.entries(value).filter(([, one]) => !isEmpty(one)).map(([name, one]) => `${fieldName(name)}: ${plainText(name, one, zone)}`).join(", ");
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return /^(lat|lon|year|.*_number)$/.test(key) ? String(value) : value.toLocaleString("en-GB", { maximumFractionDigits: 7 });
  if (COUNTRY.test(key) && /^[A-Z]{2,4}$/.test(value)) return country(value);
  if (INSTANT.test(value)) return `${date(value, zone, "instant")}${zone ? ` (${zone})` : " UTC"}`;
  if (DAY.test(value)) return date(value);
  return VOCABULARY.test(value) ? spoken(value) : value;
}

// `raw` keeps names and texts as the source has them.
export function Value({ name, value, zone, raw }) {
  const same = { name, zone, raw };
  if (typeof value === "string" && /^https?:\/\/\S+$/i.test(value)) return html`<a href=${value} target="_blank" rel="noreferrer noopener"><bdi>${value}</bdi></a>`;
  if (raw && !Array.isArray(value) && !isObject(value)) return html`<span dir="auto">${String(value)}</span>`;
  if (typeof value === "string" && (INSTANT.test(value) || DAY.test(value))) return html`<time datetime=${value} title=${value}>${plainText(name, value, zone)}</time>`;
  if (Array.isArray(value) && value.length && value.every(isObject) && !value.some(isEstimate)) return html`<${Rows} ...${same} rows=${value} />`;
  if (Array.isArray(value)) return value.map((one, n) => html`${n ? "; " : ""}<bdi><${Value} ...${same} value=${one} /></bdi>`);
  if (isObject(value) && !isEstimate(value)) return html`<${Fields} ...${same} of=${value} />`;
  return html`<span dir="auto">${plainText(name, value, zone)}</span>`;
}

// The fields of an object, those that say nothing left out.
export function Fields({ of, name, zone, raw }) {
  const all = Object.entries(of).filter(([, value]) => !isEmpty(value));
  const isList = all.length > 0 && all.every(([, value]) => isObject(value) && !isEstimate(value));
  const [some, more] = useFold(all, fieldName(name ?? "fields"), true);
  const shown = isList ? some : all;
  return html`<dl class="fields">${shown.map(([name, value]) => html`<div key=${name} class=${isWide(value) ? "whole" : ""}>
    <dt class=${raw ? "raw" : ""}>${raw ? name : fieldName(name)}</dt><dd><${Value} name=${name} value=${value} zone=${zone} raw=${raw} /></dd>
  </div>`)}</dl>${isList && more}`;
}

const isWide = (value) => !isPlain(value) || (Array.isArray(value) && value.some((one) => !isPlain(one)));

// Objects of one sort: as a table where their values are plain, else one after the other.
export function Rows({ name, rows, zone, raw }) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row).filter((key) => !isEmpty(row[key]))))];
  const isDeep = rows.some((row) => keys.some((key) => isWide(row[key])));
  const [shown, more] = useFold(rows, fieldName(name), isDeep);
  if (isDeep) {
    return html`<ol class="items">${shown.map((row, n) => html`<li key=${n}><${Fields} of=${row} zone=${zone} raw=${raw} /></li>`)}</ol>${more}`;
  }
  const isLong = (key, value) => typeof value !== "number" && !isEmpty(value) && plainText(key, value, zone).length > LONG_CHARACTERS;
  const sortOf = (key) => (rows.some((row) => isEstimate(row[key])) ? "figure" : rows.some((row) => isLong(key, row[key])) ? "long" : null);
  const sorts = Object.fromEntries(keys.map((key) => [key, sortOf(key)]));
  return html`<${ScrollBox} class="wide-table" label="${fieldName(name)}, table"><table>
    <thead><tr>${keys.map((key) => html`<th key=${key} scope="col" class=${raw ? "raw" : ""}>${raw ? key : fieldName(key)}</th>`)}</tr></thead>
    <tbody>${shown.map((row, n) => html`<tr key=${n}>
      ${keys.map((key) => html`<td key=${key} class=${sorts[key]}>
        ${!isEmpty(row[key]) && html`<${Value} name=${key} value=${row[key]} zone=${zone} raw=${raw} />`}
      </td>`)}
    </tr>`)}</tbody>
  </table><//>${more}`;
}
