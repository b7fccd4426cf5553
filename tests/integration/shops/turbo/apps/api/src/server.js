import { readFileSync } from "node:fs";
import { connect } from "@shop/db";
import Fastify from "fastify";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url)));
const database = connect(process.env.POSTGRES_URL);
const app = Fastify();
app.get("/health", async () => ({ status: "ok", release: `v${version}`, products: await database.product.count() }));
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => app.close().then(() => database.$disconnect()));
