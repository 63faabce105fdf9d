// What a pull subscription would fetch next, and its acknowledgement by hand.

import { address, get, send } from "../common/api.js";
import { plural } from "../common/format.js";
import { since } from "../common/freshness.js";
import { Panel } from "../common/panel.js";
import { useAction } from "../common/poll.js";
import { html, useState } from "../common/preact.js";

const SHOWN = "20";

export function Pulling({ subscription, onMoved }) {
  const path = `subscriptions/${subscription.id}`;
  const [page, set] = useState(null);
  const [said, say] = useState("");
  const [run, { busy, error }] = useAction();
  const look = () => get(`${path}/events`, [["limit", SHOWN]]);
  const fetchNext = async () => {
    const given = await run(look);
    if (given) set(given);
    say("");
  };
  const acknowledge = async () => {
    const given = await run(async () => {
      await send("POST", `${path}/ack`, { cursor: page.next });
      return look();
    });
    if (given) {
      set(given);
      say(`Acknowledged up to ${given.committed}. ${given.lag ? `${plural(given.lag, "change")} behind.` : "Nothing is left."}`);
    }
    onMoved();
  };
  return html`<${Panel} id="pulling" title="Next changes" note="committed up to ${subscription.cursor}, ${subscription.lag ? `${plural(subscription.lag, "change")} behind` : "up to date"}">
    <p>Your program asks <span class="code">GET ${address(`v1/${path}/events`)}</span>, stores what comes, and posts <span class="code">next</span> to <span class="code">…/ack</span>. Until then the same comes again.</p>
    <div class="actions">
      <button type="button" aria-disabled=${String(busy)} onClick=${fetchNext}>${page ? "Look again" : "Show what comes next"}</button>
      ${page && page.next !== page.committed && html`<button type="button" aria-disabled=${String(busy)} onClick=${acknowledge}>Acknowledge up to ${page.next}</button>`}
      <span class="outcome" role="status">${said}</span>
    </div>
    ${page && page.next !== page.committed && html`<p class="hint">To acknowledge by hand takes these from the program that would fetch them.</p>`}
    ${error && html`<p class="trouble" role="alert">${error.message}</p>`}
    ${page && (page.items.length ? html`<table class="rows">
      <thead><tr><th scope="col">Change</th><th scope="col">Type</th><th scope="col">Event</th><th scope="col">Recorded</th></tr></thead>
      <tbody>${page.items.map((item) => html`<tr key=${item.id}>
        <th scope="row" class="code">${item.id}</th><td data-label="Type">${item.type}</td>
        <td data-label="Event"><a href=${address(`events/${item.subject}`)} dir="auto">${item.data.title ?? "deleted"}</a></td>
        <td data-label="Recorded">${since(item.time)}</td>
      </tr>`)}</tbody></table>` : html`<p class="nothing">Nothing that matches lies ahead${page.lag ? ", in the part of the feed that one call looks at" : ""}.</p>`)}
  <//>`;
}
