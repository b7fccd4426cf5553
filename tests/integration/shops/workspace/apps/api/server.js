import { release } from "@shop/release";
import Fastify from "fastify";

const app = Fastify({ logger: true, requestIdHeader: "x-request-id" });
app.get("/api/healthz", async () => ({ status: "ok", release }));
app.get("/api/greeting", async () => ({ greeting: "Good day" }));
await app.listen({ port: Number(process.env.API_PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => app.close());
