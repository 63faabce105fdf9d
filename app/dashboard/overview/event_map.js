// The map: clusters of every located event that matches, colours by kind, and a box or a radius as the filter.

import { plural } from "../common/format.js";
import { useMedia } from "../common/hooks.js";
import { Panel } from "../common/panel.js";
import { html, useEffect, useMemo, useRef, useState } from "../common/preact.js";
import { Toolbar } from "../common/toolbar.js";
import { BaseMap } from "./map/base_map.js";
import { ClusterList } from "./map/cluster_list.js";
import { ClusterTable } from "./map/cluster_table.js";
import { parts, useGrid, useKinds } from "./map/clusters.js";
import { Legend, Marks } from "./map/marks.js";
import * as mercator from "./map/mercator.js";
import { Area, areaOf, choose, Sheet, useSelecting } from "./map/selection.js";

const NONE = [];
const BY_MOUSE = {
  box: "Drag a box, or press two corners;",
  radius: "Drag from the middle outwards, or press the middle and then the edge;",
};
const BY_FINGER = {
  box: "Tap two corners. Two fingers move the map;",
  radius: "Tap the middle and then the edge. Two fingers move the map;",
};

export function EventMap({ pairs, measure, live }) {
  const [view, setView] = useState(null);
  const [tool, setTool] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [tabled, setTabled] = useState(false);
  const coarse = useMedia("(pointer: coarse)");
  const control = useRef(null);
  const key = new URLSearchParams(pairs).toString();
  const { kinds, answer } = useKinds(pairs, live.revision);
  // A view that does not know yet where this filter's events are is not worth a question.
  const { world, clusters: found, revision } = useGrid(pairs, measure, kinds, view?.size, view?.homeKey === key ? view : null, live.revision);
  const area = useMemo(() => areaOf(pairs), [key]);
  const home = useHome(world, area, key);
  const clusters = found.data ?? NONE;
  const shown = useMemo(() => inFrame(clusters, view), [found.data, view]);
  const selecting = useSelecting(tool, () => { setTool(null); control.current?.focus(); });

  useEffect(() => setChosen(null), [key]);

  // The keys are the map's as long as a tool is taken.
  function take(name) {
    setTool(tool === name ? null : name);
    if (tool !== name) control.current?.focus();
  }

  async function open(cluster) {
    if (cluster.count > 1) {
      const box = await parts(pairs, cluster).catch(() => null);
      if (box) { setChosen(null); return control.current?.show(box); }
    }
    setChosen(cluster);
  }

  const draw = (camera, size) => html`
    ${area && html`<${Area} area=${area} camera=${camera} size=${size} />`}
    <${Marks} ...${{ clusters, camera, size, measure, chosen: chosen?.key, onChoose: open }} />
    ${tool && html`<${Sheet} ...${{ tool, selecting, camera, size }} />`}`;

  const tools = html`<${Toolbar} class="tools" label="Filter by a part of the map">
    ${["box", "radius"].map((name) => html`
      <button type="button" key=${name} aria-pressed=${String(tool === name)} onClick=${() => take(name)}>${name === "box" ? "Box" : "Radius"}</button>`)}
    ${area && html`<button type="button" onClick=${() => choose(null)}>Clear area</button>`}
  <//>`;

  // The panel never takes the map away while it loads: the clusters count as there, if only as none.
  const empty = answer.fresh && kinds && world.fresh && world.data.box === null;
  const note = found.data && html`<span title="An event with places in several circles counts in each of them.">${plural(shown.length, "circle")}</span>`;
  const leave = () => { setChosen(null); control.current?.focus(); };
  return html`<${Panel} id="map" title="Places" note=${note} tools=${tools} answer=${[answer, world, { ...found, data: clusters }]}>
    <${BaseMap} label="Map of the places of events. Arrow keys move it, plus and minus zoom, 0 shows all; the table below has its numbers."
      home=${home.box} homeKey=${home.key} draw=${draw} onView=${setView} onKey=${selecting.key} control=${control} selecting=${tool !== null}>
      ${empty && html`<p class="nowhere" role="status">${kinds.length ? "No event that matches has coordinates." : "Nothing to show: no event matches."}</p>`}
    <//>
    ${tool && html`<p class="hint" role="status">${(coarse ? BY_FINGER : BY_MOUSE)[tool]} Enter takes the middle of the map, Escape ends it.</p>`}
    ${kinds && html`<${Legend} kinds=${kinds} measure=${measure} />`}
    ${chosen && html`
      <${ClusterList} cluster=${clusters.find((cluster) => cluster.key === chosen.key) ?? chosen} ...${{ pairs, measure, revision }} onClose=${leave} />`}
    <${ClusterTable} clusters=${shown} measure=${measure} kinds=${kinds ?? []} open=${tabled} onOpen=${setTabled}
      onZoom=${(cluster) => control.current?.show(cluster.box)} onList=${setChosen} />
  <//>`;
}

// The box that the map shows by itself: around what matches, and the area of the filter; it stays while events come in.
function useHome(world, area, key) {
  const [home, set] = useState({ box: null, key: null });
  useEffect(() => {
    if (!world.fresh || home.key === key) return;
    const edges = area?.box ? [[area.box.west, area.box.south], [area.box.east, area.box.north]]
      : area ? mercator.circle(area.middle, area.km, 8)
        : [];
    set({ box: edges.length ? mercator.around(edges) : world.data.box, key });
  }, [world.data, world.fresh, key]);
  return home;
}

// Those whose middle is to be seen; the grid was asked for a little more than the frame shows.
function inFrame(clusters, view) {
  if (!view) return [];
  const { camera, size } = view;
  return clusters.filter(({ lon, lat }) => {
    const [x, y] = mercator.project(camera, size, [lon, lat]);
    return x >= 0 && x <= size.width && y >= 0 && y <= size.height;
  });
}
