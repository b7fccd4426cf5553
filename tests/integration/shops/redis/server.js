import { readFileSync } from "node:fs";
import Fastify from "fastify";
import Redis from "ioredis";
import pg from "pg";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url)));
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const redis = new Redis(process.env.REDIS_URL);
const app = Fastify();
app.get("/health", async () => {
  const { rows } = await database.query('SELECT count(*)::int FROM "Product"');
  return { status: "ok", release: `v${version}`, products: rows[0].count, redis: await redis.ping() };
});
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => app.close().then(() => Promise.all([database.end(), redis.quit()])));
