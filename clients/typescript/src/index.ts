// A client of Sitrep for browsers and Node.js: typed calls, lists and the feed as iterators, writes that are made once.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";
import { errorOf } from "./errors.js";
import { follow, type Checkpoint, type FeedItem } from "./follow.js";
import { isUncertain, send, sleep, type Sending } from "./retry.js";

export * from "./errors.js";
export type { Checkpoint, FeedItem } from "./follow.js";
export { verify, type Webhook } from "./verify.js";
export type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type Query<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Q } } } ? NonNullable<Q> : never;

/** An event as it is sent, and as it comes back. */
export type EventIn = Schemas["EventIn"];
export type EventOut = Schemas["EventOut"];
/** A filter of lists and counts; the feed takes the same names, without `changed_since`, and `change`. */
export type Filter = Omit<Query<"/v1/events/count">, "as_of">;
export type FeedFilter = Omit<Query<"/v1/feed">, "after" | "wait" | "limit">;
/** How a list is asked for beside its filter. */
export type Listing = Pick<Query<"/v1/events">, "sort" | "as_of" | "fields" | "limit">;

/** Which server, and how it is called. */
export interface Options {
    /** The address of the server, with the prefix of its paths if it has one. */
    url: string;
    /** Sent with each call. */
    key?: string;
    /** How many more times a call is tried that gets no answer, or one such as 503; 5 if not given. */
    retries?: number;
    /** A fetch to use in place of the global one. */
    fetch?: (request: Request) => Promise<Response>;
}

// POSTs that the server makes once for each key, so that they may be repeated.
const MADE_ONCE = /\/v1\/(events|events\/batch|subscriptions)$/;

/** One server of Sitrep. */
export class Sitrep {
    /** Every call of the API, typed by its document: `sitrep.api.GET("/v1/me")`; retried where that is safe. */
    readonly api: Client<paths>;
    readonly #url: string;
    readonly #headers: Record<string, string>;
    readonly #sending: Sending;

    constructor({ url, key, retries = 5, fetch = (request) => globalThis.fetch(request) }: Options) {
        this.#url = url.replace(/\/+$/, "");
        this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
        this.#sending = { fetch, retries, sleep };
        this.api = createClient<paths>({
            baseUrl: this.#url,
            headers: this.#headers,
            fetch: (request) => {
                if (request.method === "POST" && MADE_ONCE.test(new URL(request.url).pathname) && !request.headers.has("idempotency-key")) {
                    request.headers.set("idempotency-key", crypto.randomUUID());
                }
                return send(request, this.#sending);
            },
        });
    }

    /** Give an event, as it is or as it was at a version, a time or a cursor. */
    async get(id: string, query: Query<"/v1/events/{id}"> = {}): Promise<EventOut> {
        return dataOf(await this.api.GET("/v1/events/{id}", { params: { path: { id }, query } }));
    }

    /** Give the event that has this external id. */
    async find(system: string, id: string): Promise<EventOut> {
        return dataOf(await this.api.GET("/v1/events/by-external-id/{system}/{id}", { params: { path: { system, id } } }));
    }

    /** Give the pages of the list; follow the feed from the first page's `as_of`. */
    async *pages(filter: Filter = {}, listing: Listing = {}): AsyncGenerator<Schemas["EventList"], void> {
        let cursor: string | null | undefined;
        do {
            const query = { ...filter, ...listing, ...(cursor ? { cursor } : {}) };
            const page: Schemas["EventList"] = dataOf(await this.api.GET("/v1/events", { params: { query } }));
            yield page;
            cursor = page.next;
        } while (cursor !== null);
    }

    /** Give every event that matches, page after page. */
    async *events(filter: Filter = {}, listing: Listing = {}): AsyncGenerator<EventOut, void> {
        for await (const page of this.pages(filter, listing)) yield* page.items;
    }

    /** Count the events that match. */
    async count(filter: Filter = {}): Promise<number> {
        return dataOf(await this.api.GET("/v1/events/count", { params: { query: filter } })).count;
    }

    /** Count events, or add up a measure such as `launched`, over time. */
    async series(query: Query<"/v1/stats/series">): Promise<Schemas["SeriesRow"][]> {
        return dataOf(await this.api.GET("/v1/stats/series", { params: { query } }));
    }

    /** Count the values of facets, those of most events first. */
    async facets(query: Query<"/v1/stats/facets">): Promise<Schemas["Facets"]> {
        return dataOf(await this.api.GET("/v1/stats/facets", { params: { query } }));
    }

    /** Count events, or add up a measure, by the cells of a map. */
    async grid(query: Query<"/v1/stats/grid">): Promise<Schemas["MapGrid"]> {
        return dataOf(await this.api.GET("/v1/stats/grid", { params: { query } }));
    }

    /** Give every change after a cursor, a time or `oldest`, up to the last one, and end there. */
    async *feed(after = "oldest", filter: FeedFilter = {}): AsyncGenerator<FeedItem, void> {
        for (let more = true; more; ) {
            const page = dataOf(await this.api.GET("/v1/feed", { params: { query: { ...filter, after } } }));
            yield* page.items;
            [after, more] = [page.next, page.has_more];
        }
    }

    /**
     * Give every change after a position, in order, and wait for more until the loop is left or `signal` is aborted.
     *
     * `after` is a cursor, `oldest` (if not given), `now` or a time; the position that the checkpoint holds goes before
     * it. It is saved when what arrived together has been taken and when the loop is left, and never passes an item
     * before the next one is asked for. It reads pages up to the end of the feed and then the stream, which it resumes
     * by `Last-Event-ID` after every break. A refusal throws ApiError, a lost position CursorGone.
     */
    follow(
        filter: FeedFilter = {},
        { after = "oldest", checkpoint, signal }: { after?: string; checkpoint?: Checkpoint; signal?: AbortSignal } = {},
    ): AsyncGenerator<FeedItem, void> {
        const url = (path: string, parameters: Record<string, string>): string => {
            const query = new URLSearchParams(parameters);
            for (const [name, value] of Object.entries(filter)) {
                for (const each of [value].flat()) if (each !== undefined) query.append(name, String(each));
            }
            return `${this.#url}${path}?${query}`;
        };
        return follow({ ...this.#sending, url, headers: this.#headers }, { after, checkpoint, signal });
    }

    /** Add an event, once however often it has to be sent; a key of one's own makes it once over restarts, too. */
    async create(event: EventIn, { idempotencyKey = crypto.randomUUID() as string } = {}): Promise<EventOut> {
        const header = { "Idempotency-Key": idempotencyKey };
        return dataOf(await this.api.POST("/v1/events", { params: { header }, body: event }));
    }

    /** Add the event, or replace the one that has this external id; what is equal already stays as it is. */
    async upsert(system: string, id: string, event: EventIn, { ifMatch }: { ifMatch?: number } = {}): Promise<EventOut> {
        const params = { path: { system, id }, ...(ifMatch === undefined ? {} : { header: { "If-Match": `"${ifMatch}"` } }) };
        return dataOf(await this.api.PUT("/v1/events/by-external-id/{system}/{id}", { params, body: event }));
    }

    /** Change some fields (RFC 7396: null takes out, lists are replaced), if the event still has this version. */
    async patch(id: string, patch: Record<string, unknown>, { ifMatch }: { ifMatch: number }): Promise<EventOut> {
        const params = { path: { id }, header: { "If-Match": `"${ifMatch}"` } };
        const headers = { "content-type": "application/merge-patch+json" };
        return dataOf(await this.api.PATCH("/v1/events/{id}", { params, headers, body: patch }));
    }

    /** Delete an event; its versions stay readable, but for the reason `legal`. */
    async delete(
        id: string,
        reason: Schemas["DeletionReason"],
        { supersededBy, ifMatch }: { supersededBy?: string; ifMatch?: number } = {},
    ): Promise<void> {
        const query = { reason, ...(supersededBy === undefined ? {} : { superseded_by: supersededBy }) };
        const params = { path: { id }, query, ...(ifMatch === undefined ? {} : { header: { "If-Match": `"${ifMatch}"` } }) };
        const { error, response } = await this.api.DELETE("/v1/events/{id}", { params });
        const done = response.ok || (response.status === 410 && isUncertain(response)); // by an earlier try
        if (!done) throw errorOf(response.status, error);
    }

    /** Make up to 1,000 writes, all or none, or with `partial` each for itself; once however often it is sent. */
    async batch(
        items: Schemas["BatchIn"]["items"],
        { partial = false, idempotencyKey = crypto.randomUUID() as string } = {},
    ): Promise<Schemas["BatchOut"]> {
        const params = { query: { partial }, header: { "Idempotency-Key": idempotencyKey } };
        return dataOf(await this.api.POST("/v1/events/batch", { params, body: { items } }));
    }
}

/** What a call answered; a refusal is thrown. */
export function dataOf<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
    if (!response.ok || data === undefined) throw errorOf(response.status, error, isUncertain(response));
    return data;
}
