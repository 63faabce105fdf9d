// What the client throws: one class for each sort of refusal, with the problem document that came with it.
import type { components } from "./schema.js";

/** The RFC 9457 document of a refusal. */
export type Problem = components["schemas"]["Problem"];

/** The server refuses, and would again: `status` is that of HTTP, `type` the slug of the problem, such as `validation`. */
export class ApiError extends Error {
    override readonly name: string = "ApiError";
    readonly type: string;

    constructor(
        readonly status: number,
        readonly problem: Partial<Problem>,
        advice = "",
    ) {
        const faults = (problem.errors ?? []).map((fault) => `${fault.parameter ?? fault.pointer ?? "body"}: ${fault.detail}`);
        const detail = problem.detail ?? problem.title ?? "The answer does not say why.";
        super([`${status}: ${detail}`, ...faults, advice].filter(Boolean).join(" "));
        this.type = String(problem.type ?? "").replace(/^.*\//, "");
    }
}

/**
 * 412: the event has another version than the call named. Read it, and call again if the change still makes sense.
 *
 * `uncertain` is true where an earlier try of the same call got no answer, so that it may have been taken.
 */
export class VersionMismatch extends ApiError {
    override readonly name = "VersionMismatch";

    constructor(
        status: number,
        problem: Partial<Problem>,
        readonly uncertain: boolean,
    ) {
        super(status, problem, uncertain ? "An earlier try got no answer and may have been taken: read the event first." : "");
    }

    /** The version that the event has. */
    get current(): number | undefined {
        return this.problem.current;
    }
}

/** 409: another event holds the external id. */
export class DuplicateExternalId extends ApiError {
    override readonly name = "DuplicateExternalId";

    /** The id and version of the event that holds it. */
    get existing(): { id: string; version: number } | undefined {
        return this.problem.existing;
    }
}

/** 410: the event was deleted; `tombstone` says when and why. */
export class Deleted extends ApiError {
    override readonly name = "Deleted";

    /** What the deletion left. */
    get tombstone(): Problem["tombstone"] {
        return this.problem.tombstone;
    }
}

/**
 * 410: the feed no longer reaches back to the position, or a backup was restored since (`type` tells which).
 *
 * Read the list anew by `pages()`, save the first page's `as_of` as the checkpoint, and follow from there.
 */
export class CursorGone extends ApiError {
    override readonly name = "CursorGone";

    constructor(status: number, problem: Partial<Problem>) {
        super(status, problem, "Read the list anew, save its first page's as_of as the checkpoint, and follow from there.");
    }

    /** The lowest position that works. */
    get oldest(): string {
        return this.problem.oldest ?? "oldest";
    }
}

/** The webhook is not from whom it claims to be, or not from now; the sentence says what is wrong. */
export class NotVerified extends Error {
    override readonly name = "NotVerified";
}

/** The error for a problem document, or for whatever came in its place. */
export function errorOf(status: number, body: unknown, uncertain = false): ApiError {
    const problem: Partial<Problem> = typeof body === "object" && body !== null ? body : {};
    switch (String(problem.type ?? "").replace(/^.*\//, "")) {
        case "version-mismatch":
            return new VersionMismatch(status, problem, uncertain);
        case "duplicate-external-id":
            return new DuplicateExternalId(status, problem);
        case "deleted":
            return new Deleted(status, problem);
        case "cursor-expired":
        case "cursor-epoch":
            return new CursorGone(status, problem);
        default:
            return new ApiError(status, problem);
    }
}

/** The error for an answer that is not read yet. */
export async function errorOfResponse(response: Response): Promise<ApiError> {
    return errorOf(response.status, await response.json().catch(() => ({})));
}
