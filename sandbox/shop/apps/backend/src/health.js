/** GET /health: 200 when every service answers, else 503; of the API and the worker alike. */
import { setTimeout } from "node:timers/promises";
import { release } from "./config.js";
import { services } from "./services.js";

const PATIENCE = 1500; // milliseconds

export async function healthRoutes(app, connections) {
  app.get("/health", { logLevel: "warn" }, async (request, reply) => {
    const states = await Promise.all(
      Object.entries(services).map(async ([name, ask]) => [name, await stateOf(name, () => ask(connections), request.log)]),
    );
    const healthy = states.every(([, state]) => state === "connected");
    return reply
      .code(healthy ? 200 : 503)
      .header("cache-control", "no-store")
      .send({
        status: healthy ? "healthy" : "unhealthy",
        timestamp: new Date().toISOString(),
        release,
        services: Object.fromEntries(states),
      });
  });
}

async function stateOf(name, ask, log) {
  const answered = new AbortController();
  const late = setTimeout(PATIENCE, undefined, { signal: answered.signal }).then(() => {
    throw new Error(`no answer within ${PATIENCE} ms`);
  });
  try {
    await Promise.race([ask(), late]);
    return "connected";
  } catch (error) {
    log.warn({ service: name, reason: error.message }, "A service is disconnected");
    return "disconnected";
  } finally {
    answered.abort();
  }
}
