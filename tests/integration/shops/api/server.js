import { readFileSync } from "node:fs";
import Fastify from "fastify";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url)));
const app = Fastify();
app.get("/up", async () => ({ status: "ok", release: `v${version}` }));
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => app.close());
