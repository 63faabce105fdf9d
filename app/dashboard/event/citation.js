// How an event is cited: as text, BibTeX and CSL-JSON, with the version and its place in the feed.

import { KINDS, spoken, when } from "../common/format.js";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

// What BibTeX would read as its own; braces as commands, since it counts even those behind a backslash.
const TEX = {
  "\\": "\\textbackslash{}", "{": "\\textbraceleft{}", "}": "\\textbraceright{}", "$": "\\$", "&": "\\&", "#": "\\#", "%": "\\%",
  "_": "\\_", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}",
};

const tex = (text) => oneLine(text).replace(/[\\{}$&#%_^~]/g, (sign) => TEX[sign]);
const oneLine = (text) => text.replace(/[\s\u2028\u2029]+/gu, " ").trim();
const parts = (instant) => instant.slice(0, 10).split("-").map(Number);

// All that a citation says: `cursor` is that of the version, `url` its address, `today` an instant.
function facts({ event, cursor, url, today }) {
  const publishers = [...new Set(event.sources.map(({ publisher }) => oneLine(publisher)))];
  return {
    title: oneLine(event.title),
    kind: KINDS[event.kind] ?? spoken(event.kind),
    happened: when(event),
    recorded: event.updated_at.slice(0, 10),
    read: today.slice(0, 10),
    record: `event ${event.id}, version ${event.version}${cursor ? `, feed cursor ${cursor}` : ""}`,
    told: publishers.length ? `Sources: ${publishers.join("; ")}` : "",
    key: `sitrep-${event.id.slice(0, 8)}-v${event.version}`,
    host: new URL(url).host,
  };
}

export function asText(cited) {
  const { title, kind, happened, recorded, read, record, told } = facts(cited);
  return `“${title}” (${kind}, ${happened}). Sitrep, ${record}, recorded ${recorded}. ${cited.url} (read ${read}).${told && ` ${told}.`}`;
}

export function asBibtex(cited) {
  const { title, kind, happened, recorded, read, record, told, key, host } = facts(cited);
  const [year, month] = parts(recorded);
  const fields = [
    ["title", `{${tex(title)}}`],
    ["author", "{Sitrep}"],
    ["year", String(year)],
    ["month", null],
    ["howpublished", tex(`Sitrep at ${host}, ${record}`)],
    ["version", String(cited.event.version)],
    ["url", cited.url],
    ["urldate", read],
    ["note", tex([`${kind}, ${happened}`, told].filter(Boolean).join(". "))],
  ].map(([name, value]) => `  ${name} = ${value === null ? MONTHS[month - 1] : `{${value}}`},`);
  return `@misc{${key},\n${fields.join("\n")}\n}\n`;
}

export function asCsl(cited) {
  const { title, kind, happened, recorded, read, record, told, key, host } = facts(cited);
  return JSON.stringify([{
    id: key,
    type: "dataset",
    title,
    author: [{ literal: "Sitrep" }],
    publisher: `Sitrep at ${host}`,
    version: String(cited.event.version),
    number: record,
    genre: kind,
    issued: { "date-parts": [parts(recorded)] },
    accessed: { "date-parts": [parts(read)] },
    URL: cited.url,
    note: [happened, told].filter(Boolean).join(". "),
  }], null, 2);
}
