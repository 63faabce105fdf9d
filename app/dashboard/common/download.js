// Saves an answer of the API as a file: with the key, and on disk as it comes where the browser has a file system for pages.

import { call, Refused } from "./api.js";

const PREFIX = "sitrep-download-";
const KEPT_MS = 3600_000; // for so long the browser may still copy a finished file to where the reader wants it

export class BrokenOff extends Error {
  constructor() {
    super("The download broke off before its end. Try again.");
  }
}

// Ask for `v1/<path>` and save it. `onBytes(count)` tells how much has come; aborting `signal` ends it.
export async function download(path, pairs, filename, { onBytes, signal } = {}) {
  const answer = await call(path, pairs, { accept: "*/*", signal });
  let bytes = 0;
  const counted = answer.body.pipeThrough(new TransformStream({
    transform(chunk, out) {
      bytes += chunk.byteLength;
      onBytes?.(bytes);
      out.enqueue(chunk);
    },
  }));
  let file;
  try {
    file = await store(counted, answer.headers.get("content-type"));
  } catch (error) {
    throw error instanceof Refused || signal?.aborted ? error : new BrokenOff();
  }
  save(file, filename);
}

// Hand a file (a Blob) to the reader.
export function save(file, filename) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

// The whole stream as a file: on disk, or in memory where the page may not write (plain http, private windows).
async function store(stream, type) {
  const place = await openPlace().catch(() => null);
  if (!place) return new Response(stream, { headers: { "content-type": type ?? "" } }).blob();
  await stream.pipeTo(place.out);
  return place.handle.getFile();
}

async function openPlace() {
  const root = await navigator.storage.getDirectory();
  await tidy(root).catch(() => {});
  const handle = await root.getFileHandle(`${PREFIX}${Date.now()}-${Math.random().toString(36).slice(2)}`, { create: true });
  return { handle, out: await handle.createWritable() };
}

async function tidy(root) {
  for await (const [name, handle] of root.entries()) {
    if (name.startsWith(PREFIX) && Date.now() - (await handle.getFile()).lastModified > KEPT_MS) await root.removeEntry(name);
  }
}
