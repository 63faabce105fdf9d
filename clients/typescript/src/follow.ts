// Follows the feed: by pages up to its end, then by the stream, and on from the last position after every break.
import { createParser } from "eventsource-parser";
import type { components } from "./schema.js";
import { errorOfResponse } from "./errors.js";
import { isBusy, pauseMs, retryAfter, send, type Sending } from "./retry.js";

/** One change, as a CloudEvents 1.0 event. */
export type FeedItem = components["schemas"]["FeedItem"];
type FeedPage = components["schemas"]["FeedPage"];

/** Where a position is kept: a file, a row, `localStorage`. */
export interface Checkpoint {
    /** The position that was saved last; null if there is none. */
    load(): string | null | undefined | Promise<string | null | undefined>;
    /** Keep this position in place of the one before. */
    save(cursor: string): unknown;
}

/** What `follow` is told. */
export interface Following {
    after: string;
    checkpoint?: Checkpoint | undefined;
    signal?: AbortSignal | undefined;
}

/** The address of a path of the feed with these parameters beside the filter, and how it is called. */
export interface FeedSource extends Sending {
    url: (path: string, parameters: Record<string, string>) => string;
    headers: Record<string, string>;
}

const SILENCE_MS = 60_000; // the server says something every 15 s

/** Give every change after a position, in order and without end; see `Sitrep.follow`. */
export async function* follow(source: FeedSource, { after, checkpoint, signal }: Following): AsyncGenerator<FeedItem, void> {
    let at = (await checkpoint?.load()) ?? after;
    let kept = at;
    const keep = async (): Promise<void> => {
        if (checkpoint !== undefined && at !== kept) await checkpoint.save((kept = at));
    };
    const end = new AbortController();
    const over = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
    try {
        for (let attempt = 0; !over.aborted; ) {
            for (let more = true; more; ) {
                const page = await readPage(source, at, over);
                const epoch = page.next.split("-")[0]; // that of now, which the id of an item need not be of
                for (const item of page.items) {
                    yield item;
                    at = `${epoch}-${item.sequence}`;
                }
                at = page.next;
                await keep();
                more = page.has_more;
            }
            let asked: number | undefined;
            try {
                const response = await openStream(source, at, over);
                if (response.ok && response.body !== null) {
                    for await (const batch of readStream(response.body, over)) {
                        attempt = 0;
                        for (const { id, item } of batch) {
                            if (item !== null) yield item;
                            at = id;
                        }
                        await keep();
                    }
                } else if (isBusy(response.status)) {
                    asked = retryAfter(response);
                    await response.body?.cancel();
                } else throw await errorOfResponse(response);
            } catch (error) {
                if (!(error instanceof Broken)) throw error;
            }
            await source.sleep(pauseMs(attempt, asked), over);
            attempt += 1;
        }
    } catch (error) {
        if (!signal?.aborted) throw error;
    } finally {
        end.abort();
        await keep();
    }
}

/** The connection broke; another will do. */
class Broken extends Error {}

/** One page, asked for until the server gives it or refuses. */
async function readPage(source: FeedSource, after: string, signal: AbortSignal): Promise<FeedPage> {
    const request = new Request(source.url("/v1/feed", { after }), { headers: source.headers, signal });
    const response = await send(request, { ...source, retries: Infinity });
    if (!response.ok) throw await errorOfResponse(response);
    return (await response.json()) as FeedPage;
}

/** The stream from a position. */
async function openStream(source: FeedSource, at: string, signal: AbortSignal): Promise<Response> {
    const headers = { ...source.headers, accept: "text/event-stream", "last-event-id": at };
    const request = new Request(source.url("/v1/feed/stream", { after: at }), { headers, signal });
    return await source.fetch(request).catch((error: unknown) => {
        throw signal.aborted ? error : new Broken(String(error));
    });
}

/** A position, with the change there, if it is not a heartbeat. */
interface Step {
    id: string;
    item: FeedItem | null;
}

/** The steps of a stream, as many at once as arrive; one that is silent for long is taken for broken. */
async function* readStream(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Step[], void> {
    let batch: Step[] = [];
    let rest = "";
    const parser = createParser({
        onEvent({ id, event, data }) {
            if (event === "change" && id !== undefined) batch.push({ id, item: JSON.parse(data) as FeedItem });
        },
    });
    const decoder = new TextDecoder();
    const reader = body.getReader();
    try {
        for (;;) {
            const { done, value } = await withinSilence(reader.read(), signal);
            if (done) return;
            const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
            rest = blocks.pop() ?? "";
            for (const block of blocks) {
                const heartbeat = /^id: (.+)$/.exec(block)?.[1]; // the parser tells of no block without data
                if (heartbeat === undefined) parser.feed(`${block}\n\n`);
                else batch.push({ id: heartbeat, item: null });
            }
            if (batch.length > 0) {
                yield batch;
                batch = [];
            }
        }
    } finally {
        await reader.cancel().catch(() => undefined);
    }
}

/** What is read, unless nothing comes for too long or the connection breaks. */
async function withinSilence<T>(reading: Promise<T>, signal: AbortSignal): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("The stream is silent.")), SILENCE_MS);
    });
    try {
        return await Promise.race([reading, silence]);
    } catch (error) {
        throw signal.aborted ? error : new Broken(String(error));
    } finally {
        clearTimeout(timer);
    }
}
