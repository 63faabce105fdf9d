// Reads the list by its cursor, one page after the other, and holds only the pages near to what is looked at.

import { get } from "../../common/api.js";

export const PAGE = 100;
// Pages whose events stay in memory; of the others the ids are kept, and their events are asked for again by id.
const MAX_HELD_PAGES = 24;
const NEAR_END_ROWS = 40;
const FIRST_RETRY_MS = 2000;
const MAX_RETRY_MS = 30000;
// What a row shows: `extra` and the like would only be carried.
const FIELDS = [
  "id", "kind", "version", "status", "title", "summary", "started_at", "ended_at", "time_precision", "timezone", "locations", "actors",
  "casualties", "sources", "claims", "tags", "detail", "created_at", "updated_at",
].map((name) => ["fields", name]);

export class EventPages {
  // `onChange` is called when rows came, changed or could not be read.
  constructor(pairs, sort, onChange) {
    Object.assign(this, { pairs, sort, onChange });
    this.ids = [];
    this.places = new Map(); // id -> index
    this.events = new Map(); // id -> event, of the pages that are held
    this.marks = new Map(); // id -> "updated", "left" or "deleted", since it was read
    this.pages = []; // {start, end, held, asking}
    this.next = undefined; // the cursor of the next page; null after the last
    this.asOf = null;
    this.error = null;
    this.loading = false;
    this.fresh = new Set(); // what arrived since, and is not in the list
    this.judged = new Map(); // id -> the version of which it is known whether it matches
    this.stopping = new AbortController();
    this.retryMs = FIRST_RETRY_MS;
    this.viewed = [0, 0];
  }

  get length() { return this.ids.length; }

  get done() { return this.next === null; }

  // The row at an index: {id, event, mark}; the event is null while its page is read again.
  row(index) {
    const id = this.ids[index];
    return { id, event: this.events.get(id) ?? null, mark: this.marks.get(id) ?? null };
  }

  indexOf(id) { return this.places.get(id) ?? -1; }

  close() {
    this.stopping.abort();
    clearTimeout(this.retrying);
  }

  // Rows `first` to `last` are looked at: read what is missing there, and the next page when the end is near.
  view(first, last) {
    this.viewed = [first, last];
    for (const page of this.pages) if (!page.held && !page.asking && page.end > first && page.start <= last) this.readAgain(page);
    if (last >= this.length - NEAR_END_ROWS && !this.done && !this.error) this.readNext();
  }

  async readNext() {
    if (this.loading || this.done) return;
    clearTimeout(this.retrying);
    this.loading = true;
    this.error = null;
    this.onChange();
    try {
      const place = this.next ? [["cursor", this.next]] : [];
      const page = await this.ask([...this.pairs, ["sort", this.sort], ["limit", PAGE], ...place]);
      this.append(page);
      this.retryMs = FIRST_RETRY_MS;
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.error = error;
      if (!(error.status < 500 && error.status !== 429)) this.retrying = setTimeout(() => this.readNext(), this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
    }
    this.loading = false;
    this.onChange();
  }

  ask(pairs) { return get("events", [...pairs, ...FIELDS], { signal: this.stopping.signal }); }

  // An event that moved in the order while it was read comes only once.
  append({ items, next, as_of: asOf }) {
    const start = this.length;
    for (const event of items.filter(({ id }) => !this.places.has(id))) {
      this.places.set(event.id, this.length);
      this.ids.push(event.id);
      this.events.set(event.id, event);
      this.fresh.delete(event.id);
    }
    this.pages.push({ start, end: this.length, held: true, asking: false });
    this.next = next;
    this.asOf ??= asOf;
    this.drop();
  }

  // Let go of the pages farthest from what is looked at.
  drop() {
    const [first, last] = this.viewed;
    const distance = (page) => Math.max(0, first - page.end, page.start - last);
    const held = this.pages.filter((page) => page.held).sort((one, other) => distance(one) - distance(other));
    for (const page of held.slice(MAX_HELD_PAGES)) {
      page.held = false;
      for (const id of this.ids.slice(page.start, page.end)) this.events.delete(id);
    }
  }

  async readAgain(page) {
    page.asking = true;
    const ids = this.ids.slice(page.start, page.end);
    try {
      const { items } = await this.ask([...ids.map((id) => ["id", id]), ["limit", PAGE]]);
      const found = new Set(items.map(({ id }) => id));
      for (const event of items) {
        if (event.version > (this.events.get(event.id)?.version ?? event.version)) this.marks.set(event.id, "updated");
        this.events.set(event.id, event);
      }
      for (const id of ids) if (!found.has(id)) this.marks.set(id, "deleted");
      page.held = true;
      this.error = null;
      this.drop();
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.error = error;
      setTimeout(() => { page.asking = false; this.view(...this.viewed); }, this.retryMs);
      return this.onChange();
    }
    page.asking = false;
    this.onChange();
  }

  // Take in what changed since: rows are changed in their places, what is not in the list is counted.
  apply(changes) {
    const unsure = [];
    for (const [id, { type, version, data }] of changes) {
      if (this.judged.get(id) >= version) continue;
      const known = this.places.has(id);
      if (type.endsWith(".deleted")) {
        if (known) this.marks.set(id, "deleted");
        this.fresh.delete(id);
      } else if (known && (this.events.get(id)?.version ?? 0) < version) {
        if (this.events.has(id)) this.events.set(id, data);
        this.marks.set(id, "updated");
        unsure.push(id);
      } else if (!known && type.endsWith(".created")) this.fresh.add(id);
      else if (!known && this.precedesEnd(data)) unsure.push(id);
      this.judged.set(id, version);
    }
    if (unsure.length) this.judge(unsure);
    this.onChange();
  }

  // Changes may have been missed: read again what is held, and look at the beginning for what is new.
  async refresh() {
    for (const page of this.pages) page.held = false;
    this.view(...this.viewed);
    const { items } = await this.ask([...this.pairs, ["sort", this.sort], ["limit", PAGE]]).catch(() => ({ items: [] }));
    for (const { id } of items) if (!this.places.has(id)) this.fresh.add(id);
    this.onChange();
  }

  // Whether it would stand among the rows that are there, and so was missed by the pages to come.
  precedesEnd(event) {
    if (this.done) return true;
    const name = this.sort.replace("-", "");
    const last = this.events.get(this.ids.at(-1));
    if (!last || !(name in event)) return false;
    return this.sort === name ? event[name] < last[name] : event[name] > last[name];
  }

  // Which of these changed events still match, only the API can tell.
  async judge(ids) {
    const others = this.pairs.filter(([name]) => name !== "id");
    for (let start = 0; start < ids.length; start += PAGE) {
      const some = ids.slice(start, start + PAGE);
      const pairs = [...others, ...some.map((id) => ["id", id]), ["limit", PAGE], ["fields", "id"]];
      const found = await get("events", pairs, { signal: this.stopping.signal }).catch(() => null);
      if (!found) continue;
      const matching = new Set(found.items.map(({ id }) => id));
      for (const id of some) {
        const known = this.places.has(id);
        if (known && this.marks.get(id) === "updated" && !matching.has(id)) this.marks.set(id, "left");
        if (known && this.marks.get(id) === "left" && matching.has(id)) this.marks.set(id, "updated");
        if (!known && matching.has(id)) this.fresh.add(id);
      }
    }
    this.onChange();
  }
}
