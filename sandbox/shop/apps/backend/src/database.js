/** Prisma on node-postgres. */
import { PrismaPg } from "@prisma/adapter-pg";

/** Turns Prisma's URL, whose `schema` only Prisma knows, into the settings of node-postgres. */
export function connectionSettings(url) {
  if (!url) throw new Error("DATABASE_URL is not set: give the address of the shop's PostgreSQL database.");
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const schema = searchParams.get("schema") ?? "public";
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    options: `-c search_path="${schema}"`,
    connectionTimeoutMillis: 5000,
    schema,
  };
}

/** Returns a client of the database; `prisma generate` makes what it is made of. */
export async function connectDatabase(url) {
  const { schema, ...settings } = connectionSettings(url);
  const { PrismaClient } = await import("../generated/client/index.js");
  return new PrismaClient({ adapter: new PrismaPg(settings, { schema }) });
}
