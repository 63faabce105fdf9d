// What one version of an event says, section by section; fields of releases to come are under "More".

import { address } from "../common/api.js";
import { date, KINDS, measures, range, spoken, when } from "../common/format.js";
import { Panel } from "../common/panel.js";
import { html } from "../common/preact.js";
import { PlaceMap } from "../overview/map/place_map.js";
import { Claims } from "./claims.js";
import { Fields, fieldName, isEmpty, Rows } from "./fields.js";
import { useFold } from "./fold.js";

const LANGUAGES = new Intl.DisplayNames("en-GB", { type: "language" });
const KNOWN = [
  "id", "kind", "version", "status", "title", "summary", "started_at", "ended_at", "time_precision", "timezone", "locations", "actors", "casualties",
  "sources", "claims", "external_ids", "relations", "tags", "quality_flags", "extra", "detail", "created_at", "updated_at",
];
const FLAGS = {
  "bounds-order": "a lowest, best or highest number is out of order", "end-before-start": "it ends before it begins",
  "no-source": "it names no source", "losses-exceed-launched": "more was shot down than launched",
  "decoys-exceed-launched": "more decoys than launched", "stage-date": "its stage does not fit its dates",
};

// `left` and `right` are what else stands in the two columns.
export function EventBody({ event, left, right }) {
  const { timezone: zone, locations, actors, casualties, sources, claims } = event;
  const more = Object.keys(event).filter((name) => !KNOWN.includes(name) && !isEmpty(event[name]));
  return html`
    ${event.summary && html`<p class="summary-text" dir="auto">${event.summary}</p>`}
    ${event.quality_flags?.length > 0 && html`<p class="trouble">Taken in although ${event.quality_flags.map((flag) => FLAGS[flag] ?? spoken(flag)).join("; ")}.</p>`}
    ${claims.length > 0 && html`<${Panel} id="claims" title="Claims side by side" note="where sources differ"><${Claims} event=${event} /><//>`}
    <div class="columns">
      <div>
        <${Panel} id="facts" title="At a glance"><${Facts} event=${event} /><//>
        <${Panel} id="detail" title=${KINDS[event.kind] ?? spoken(event.kind)}><${Fields} of=${event.detail} zone=${zone} /><//>
        ${casualties.length > 0 && html`<${Panel} id="casualties" title="Casualties"><${Rows} name="Casualties" rows=${casualties} zone=${zone} /><//>`}
        ${actors.length > 0 && html`<${Panel} id="actors" title="Actors"><${Rows} name="Actors" rows=${actors} zone=${zone} /><//>`}
        ${left}
      </div>
      <div>
        ${locations.length > 0 && html`<${Panel} id="places" title="Places">
          <${PlaceMap} places=${locations} kind=${event.kind} /><${Rows} name="Places" rows=${locations} zone=${zone} /><//>`}
        <${Panel} id="sources" title="Sources"><${Sources} sources=${sources} zone=${zone} /><//>
        <${Record} event=${event} more=${more} />
        ${right}
      </div>
    </div>`;
}

function Facts({ event }) {
  const zone = event.timezone ?? "UTC";
  const precise = [["began", event.started_at], ["ended", event.ended_at]].filter(([, at]) => at);
  return html`<dl class="fields">
    <div><dt>when</dt><dd>
      <time datetime=${event.started_at}>${when(event)}</time>${event.time_precision !== "instant" && html` <span class="soft">${zone}</span>`}
    </dd></div>
    <div><dt>precision</dt><dd>${spoken(event.time_precision)}</dd></div>
    ${precise.map(([name, at]) => html`<div><dt>${name}</dt><dd><time datetime=${at}>${date(at, "UTC", "instant")} UTC</time></dd></div>`)}
    ${measures(event).map(([name, numbers]) => html`<div><dt>${spoken(name)}</dt><dd><strong>${range(numbers)}</strong></dd></div>`)}
    ${event.tags.length > 0 && html`<div><dt>tags</dt><dd>
      ${event.tags.map((tag, n) => html`${n ? ", " : ""}<a href=${address("", [["tag", tag]])}>${tag}</a>`)}
    </dd></div>`}
  </dl>`;
}

function language(code) {
  try {
    return LANGUAGES.of(code) ?? code;
  } catch {
    return code;
  }
}

function Sources({ sources, zone }) {
  const [shown, more] = useFold(sources, "sources");
  return html`<ul class="sources">${shown.map((source, n) => {
    const { publisher, url, title, published_at: at, language: tongue, ...rest } = source;
    const name = html`<bdi>${title ?? publisher}</bdi>`;
    return html`<li key=${n}>
      ${/^https?:\/\//i.test(url ?? "") ? html`<a href=${url} target="_blank" rel="noreferrer noopener">${name}</a>` : name}
      <span class="soft">${title ? html`, <bdi>${publisher}</bdi>` : ""}${at ? html`, <time datetime=${at}>${date(at, zone, "instant")}</time>` : ""}${tongue ? `, ${language(tongue)}` : ""}</span>
      ${Object.values(rest).some((value) => !isEmpty(value)) && html`<${Fields} of=${rest} zone=${zone} />`}
    </li>`;
  })}</ul>${more}`;
}

// What the server keeps, and what has no place elsewhere.
function Record({ event, more }) {
  return html`<${Panel} id="record" title="Record">
    <dl class="fields">
      <div><dt>id</dt><dd><code>${event.id}</code></dd></div>
      <div><dt>version</dt><dd>${event.version}</dd></div>
      <div><dt>recorded</dt><dd><time datetime=${event.created_at}>${date(event.created_at, "UTC", "instant")} UTC</time></dd></div>
      <div><dt>this version</dt><dd><time datetime=${event.updated_at}>${date(event.updated_at, "UTC", "instant")} UTC</time></dd></div>
      ${event.external_ids.map(({ system, id }) => html`<div><dt>external id</dt><dd><code>${system}: ${id}</code></dd></div>`)}
    </dl>
    ${!isEmpty(event.extra) && html`<h3>Other columns of the source</h3><${Fields} of=${event.extra} raw />`}
    ${more.length > 0 && html`<h3>More</h3><dl class="fields">
      ${more.map((name) => html`<div class="whole"><dt>${fieldName(name)}</dt><dd><${Fields} of=${{ [name]: event[name] }} /></dd></div>`)}
    </dl>`}
  <//>`;
}
