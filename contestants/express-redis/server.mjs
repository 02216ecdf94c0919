// Ingest by Express and Redis Streams: validates a batch, appends it to a stream, acknowledges,
// and publishes it for whoever listens. One process, because it is given one core; what many of
// its kind leave out (limits, draining, a clear refusal) is in. Read next: validate.mjs, audit.mjs.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import express from "express";
import { createClient } from "redis";
import { audit } from "./audit.mjs";
import { readBatch } from "./validate.mjs";

const PORT = Number(process.env.PORT ?? 8080);
const REDIS_URL = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const STREAM = "batches";
const CHANNEL = "live";
const BODY_BYTES_MAX = 1 << 20;
const CONNECTIONS_MAX = 4_096;
// Commands that wait for Redis; past it a client is told to come back, and memory stays bounded.
const COMMANDS_MAX = 100_000;
// Node closes idle connections after 5 s by default, in the face of the client's next request.
const IDLE_MS = 75_000;
const DRAIN_MS = 2_500;

// Commands of one turn of the event loop share a write: the client's own pipelining. Without its
// queue for bad times, a batch is refused while Redis is away instead of waiting for ever.
const redis = createClient({
  url: REDIS_URL,
  disableOfflineQueue: true,
  commandsQueueMaxLength: COMMANDS_MAX,
  socket: { reconnectStrategy: (attempts) => Math.min(attempts * 50, 1_000) },
});
redis.on("error", (error) => console.error(`redis: ${error.message}`));
await redis.connect();

const app = express();
app.disable("x-powered-by");
app.disable("etag");

// The bytes as they came are what is stored: writing them again would only cost.
const json = express.json({
  limit: BODY_BYTES_MAX,
  verify: (request, _response, bytes) => {
    request.bytes = bytes;
  },
});

app.post("/v1/ingest", json, async (request, response) => {
  const batch = readBatch(request.body);
  if (batch.metrics === undefined) {
    return refuse(response, 400, "The body is not a valid batch", `${batch.pointer} ${batch.detail}`);
  }
  const accepted = batch.metrics.length;
  const entry = {
    run: request.get("tailrace-run") ?? "",
    producer: batch.producer ?? randomUUID(),
    seq: String(batch.seq ?? 0),
    metrics: String(accepted),
    body: request.bytes,
  };
  try {
    const id = await redis.xAdd(STREAM, "*", entry);
    response.status(202).json({ accepted });
    // Listeners are told after the answer; what they miss they find in the stream.
    redis.publish(CHANNEL, id).catch(() => {});
  } catch (error) {
    response.set("retry-after", "1");
    refuse(response, 503, "The log cannot be reached", error.message);
  }
});

app.get("/v1/audit/:run", async (request, response) => {
  response.json(await audit(redis, STREAM, request.params.run));
});

app.get("/health", async (_request, response) => {
  await redis.ping();
  response.json({ status: "ok" });
});

app.use((_request, response) => refuse(response, 404, "Nothing is served under this path", ""));
// Express knows a handler of errors by its four arguments.
app.use((error, _request, response, _next) => {
  const status = error.status ?? 503;
  refuse(response, status, status < 500 ? "The body cannot be read" : "The server failed", error.message);
});

function refuse(response, status, title, detail) {
  response.status(status).type("application/problem+json").send(JSON.stringify({ title, status, detail }));
}

const server = createServer({ keepAliveTimeout: IDLE_MS, noDelay: true }, app);
server.maxConnections = CONNECTIONS_MAX;
server.listen(PORT, "127.0.0.1");
await once(server, "listening");
console.log(`listening on ${server.address().port}`);

let isDraining = false;
async function drain() {
  if (isDraining) return;
  isDraining = true;
  setTimeout(() => process.exit(1), DRAIN_MS).unref();
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  await closed;
  await redis.close();
  process.exit(0);
}
process.on("SIGTERM", drain);
process.on("SIGINT", drain);
