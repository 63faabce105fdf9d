// The places of one event on a small map.

import { html, useMemo } from "../../common/preact.js";
import { BaseMap } from "./base_map.js";
import { kindClass } from "./marks.js";
import * as mercator from "./mercator.js";

// `places` is an event's `locations` as the API gives them (`{name, lat, lon, role, ...}`; those without coordinates are left
// out), `kind` the event's kind, for the colour. Nothing is drawn, and null given, where no place has coordinates. The page
// that uses it links overview/map/map.css.
export function PlaceMap({ places, kind }) {
  const located = places.filter(({ lat, lon }) => lat !== null && lon !== null && lat !== undefined);
  const key = JSON.stringify(located.map(({ lat, lon }) => [lon, lat]));
  const home = useMemo(() => mercator.around(JSON.parse(key)), [key]);
  if (!located.length) return null;
  const names = located.map((place) => place.name || mercator.spokenPlace([place.lon, place.lat]));
  return html`<figure class="place-map">
    <${BaseMap} label="Map of ${names.join("; ")}. Arrow keys move it, plus and minus zoom." home=${home} homeKey=${key} homeZoom=${4}
      draw=${(camera, size) => html`<${Points} ...${{ located, names, kind, camera, size }} />`} />
  </figure>`;
}

function Points({ located, names, kind, camera, size }) {
  return located.map((place, at) => {
    const [x, y] = mercator.project(camera, size, [place.lon, place.lat]);
    return html`<g key=${at} class="point" transform="translate(${x.toFixed(1)} ${y.toFixed(1)})">
      <title>${names[at]}</title><circle class="rim ${kindClass(kind)}" r="7" /><text x="11" dy="0.35em">${located.length < 12 && names[at]}</text>
    </g>`;
  });
}
