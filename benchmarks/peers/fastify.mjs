// Serves the plain app's events by Fastify, as its documentation teaches it: `node fastify.mjs PORT FILE`, or
// `node fastify.mjs PORT NAME FOLDER` for a PostgreSQL database and the folder of its socket.

import { DatabaseSync } from "node:sqlite";
import Fastify from "fastify";
import pg from "pg";

const NESTED = ["locations", "actors", "casualties", "sources", "claims", "external_ids", "relations", "tags"];
const JSON_COLUMNS = [...NESTED, "quality_flags", "extra", "detail"];
const ORDERED = "ORDER BY started_at DESC, id DESC LIMIT";

function fromSqlite(path) {
  const database = new DatabaseSync(path, { readOnly: true });
  const parsed = (row) => {
    for (const name of JSON_COLUMNS) row[name] = JSON.parse(row[name]);
    return row;
  };
  const first = database.prepare(`SELECT * FROM plainevent ${ORDERED} ?`);
  const older = database.prepare(`SELECT * FROM plainevent WHERE (started_at, id) < (?, ?) ${ORDERED} ?`);
  const one = database.prepare("SELECT * FROM plainevent WHERE id = ?");
  return {
    page: (before, id, limit) => (before ? older.all(before, id, limit) : first.all(limit)).map(parsed),
    event: (id) => parsed(one.get(id)),
  };
}

function fromPostgresql(database, host) {
  pg.types.setTypeParser(1184, (text) => text);
  const pool = new pg.Pool({ host, database, user: "postgres", max: 5 });
  const older = `SELECT * FROM plainevent WHERE (started_at, id) < ($1, $2) ${ORDERED} $3`;
  const query = async (name, text, values) => (await pool.query({ name, text, values })).rows;
  return {
    page: (before, id, limit) =>
      before
        ? query("older", older, [before, id, limit])
        : query("first", `SELECT * FROM plainevent ${ORDERED} $1`, [limit]),
    event: async (id) => (await query("one", "SELECT * FROM plainevent WHERE id = $1", [id]))[0],
  };
}

const [port, name, folder] = process.argv.slice(2);
const events = folder ? fromPostgresql(name, folder) : fromSqlite(name);
const app = Fastify();

app.get("/events", async (request) => {
  const { before, before_id, limit } = request.query;
  const items = await events.page(before, before_id, Number(limit));
  const last = items.at(-1);
  const next = last ? `before=${encodeURIComponent(last.started_at)}&before_id=${last.id}` : null;
  return { items, next };
});
app.get("/events/:id", async (request) => events.event(request.params.id));

await app.listen({ port: Number(port), host: "127.0.0.1" });
