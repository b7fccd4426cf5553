/** The API: everything below /api, and /health. */
import cors from "@fastify/cors";
import jwt from "@fastify/jwt";
import Fastify from "fastify";
import { healthRoutes } from "./health.js";
import { requestId } from "./request-id.js";
import { routes } from "./routes/index.js";

export async function buildApp({ config, database, redis, logger }) {
  const app = Fastify({ loggerInstance: logger, trustProxy: config.proxies, genReqId: requestId });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  await app.register(cors, { origin: config.corsOrigins, methods: ["GET", "POST", "DELETE"], exposedHeaders: ["x-request-id"], maxAge: 600 });
  await app.register(healthRoutes, { database, redis });
  await app.register(
    async (api) => {
      if (config.maintenance) {
        api.addHook("onRequest", async (request, reply) =>
          reply.code(503).header("retry-after", "120").send({
            statusCode: 503,
            error: "Service Unavailable",
            message: "The shop is being maintained and will be back soon.",
          }),
        );
      }
      await api.register(jwt, { secret: config.jwtSecret, sign: { expiresIn: "7d" } });
      api.decorate("authenticate", async (request) => request.jwtVerify());
      const { rateLimit, stripe, testCustomers } = config;
      for (const route of routes) await api.register(route, { database, redis, rateLimit, stripe, testCustomers });
    },
    { prefix: "/api" },
  );
  return app;
}
