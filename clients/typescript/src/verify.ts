// Whether a webhook is from whom it claims to be, by the scheme of Standard Webhooks and with the Web Crypto API.
import type { FeedItem } from "./follow.js";
import { NotVerified } from "./errors.js";

/** What `verify` is given. */
export interface Webhook {
    /** The headers as they came: of fetch, or of Node's http. */
    headers: Headers | Record<string, string | string[] | undefined>;
    /** The body as it came, before any parsing. */
    body: Uint8Array | string;
    /** The secret; while one rotates, both. */
    secret: string | readonly string[];
    /** How old or how far ahead the timestamp may be, in seconds; 300 if not given. */
    tolerance?: number;
    /** The time now, in seconds since 1970. */
    now?: number;
}

/** Read a webhook that one of the secrets signed, or throw NotVerified. A ping has the type `sys.ping` and `{}` as data. */
export async function verify({ headers, body, secret, tolerance = 300, now = Date.now() / 1000 }: Webhook): Promise<FeedItem> {
    const id = header(headers, "webhook-id");
    const sent = header(headers, "webhook-timestamp");
    const signatures = header(headers, "webhook-signature");
    if (!/^[0-9]{1,12}$/.test(sent)) throw new NotVerified("The header webhook-timestamp is not a number of seconds.");
    if (Math.abs(Number(sent) - now) > tolerance) {
        throw new NotVerified(`The header webhook-timestamp is ${Number(sent) < now ? "too old" : "in the future"}.`);
    }
    const encoder = new TextEncoder();
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    const signed = concatenate(encoder.encode(`${id}.${sent}.`), bytes);
    const offered = signatures.split(" ").filter((each) => each.startsWith("v1,")).map((each) => decode(each.slice(3)));
    const secrets = typeof secret === "string" ? [secret] : secret;
    const keys = await Promise.all(secrets.map(keyOf));
    for (const key of keys) {
        for (const signature of offered) {
            // Compared by the platform, in constant time.
            if (signature !== undefined && (await crypto.subtle.verify("HMAC", key, signature, signed))) {
                return JSON.parse(new TextDecoder().decode(bytes)) as FeedItem;
            }
        }
    }
    throw new NotVerified("No signature in webhook-signature matches the secret and the body.");
}

function header(headers: Webhook["headers"], name: string): string {
    const found =
        headers instanceof Headers
            ? headers.get(name)
            : Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1];
    const value = Array.isArray(found) ? found.join(" ") : found;
    if (!value) throw new NotVerified(`The header ${name} is missing.`);
    return value;
}

async function keyOf(secret: string): Promise<CryptoKey> {
    const bytes = decode(secret.replace(/^whsec_/, ""));
    // A fault of the receiver, not of the webhook.
    if (bytes === undefined || bytes.length === 0) throw new TypeError("A secret is `whsec_` and base64; this one is not.");
    return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
    try {
        return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    } catch {
        return undefined;
    }
}

function concatenate(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(head.length + tail.length);
    whole.set(head);
    whole.set(tail, head.length);
    return whole;
}
