// Tries a request again where that is safe, after the pause that the server asks for.

/** How the client calls, and how often it tries again. */
export interface Sending {
    /** The fetch to use. */
    fetch: (request: Request) => Promise<Response>;
    /** How many more times a call is tried that gets no answer, or one such as 503. */
    retries: number;
    /** How it pauses; ends early, without an error, where the signal is aborted. */
    sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const PATIENCE_MS = 120_000; // a call that has an end waits no longer than this for its next try

// Answers to calls of which an earlier try may have been taken.
const uncertain = new WeakSet<Response>();

/** Whether an earlier try of the call that was answered so may have been taken. */
export function isUncertain(response: Response): boolean {
    return uncertain.has(response);
}

/** Send a request until there is an answer. A POST is repeated only if it carries an Idempotency-Key. */
export async function send(request: Request, { fetch, retries, sleep }: Sending): Promise<Response> {
    const repeatable = request.method !== "POST" || request.headers.has("idempotency-key");
    for (let attempt = 0; ; attempt += 1) {
        const last = attempt >= retries || !repeatable;
        let asked: number | undefined;
        try {
            const response = await readWhole(await fetch(last ? request : request.clone()));
            if (attempt > 0) uncertain.add(response);
            asked = retryAfter(response);
            if (last || !isBusy(response.status) || (Number.isFinite(retries) && (asked ?? 0) > PATIENCE_MS)) return response;
            await response.body?.cancel();
        } catch (error) {
            if (last || request.signal.aborted) throw error;
        }
        await sleep(pauseMs(attempt, asked), request.signal);
        request.signal.throwIfAborted();
    }
}

/** The answer with its JSON read, so that a connection that breaks within it is seen here; streams and files stay as they are. */
async function readWhole(response: Response): Promise<Response> {
    if (!/^application\/(problem\+)?json/.test(response.headers.get("content-type") ?? "")) return response;
    const { status, statusText, headers } = response;
    return new Response(await response.arrayBuffer(), { status, statusText, headers });
}

/** Whether a later try may be answered. */
export function isBusy(status: number): boolean {
    return status === 408 || status === 429 || status >= 500;
}

/** The pause after a failure, the first being attempt 0: it doubles, with jitter, and is no less than what was asked. */
export function pauseMs(attempt: number, asked?: number): number {
    const own = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10)) * (1 - Math.random() / 2);
    return Math.max(own, asked ?? 0);
}

/** For how many milliseconds the server asks to be left alone, as a number of seconds or as a date. */
export function retryAfter(response: Response): number | undefined {
    const text = response.headers.get("retry-after")?.trim() ?? "";
    if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
    const at = Date.parse(text);
    return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Wait so long, or until the signal is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        const over = (): void => {
            clearTimeout(timer);
            signal?.removeEventListener("abort", over);
            resolve();
        };
        const timer = setTimeout(over, Math.min(ms, 2 ** 31 - 1));
        if (signal?.aborted) over();
        else signal?.addEventListener("abort", over);
    });
}
