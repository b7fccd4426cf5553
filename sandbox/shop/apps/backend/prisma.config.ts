/** Prisma's configuration: migrations by its WebAssembly engine, over the driver that the application uses. */
import { defineConfig } from "prisma/config";
import { migrationAdapter } from "./prisma/adapter.js";

// Prisma wants an address even where it connects to nothing, as in a build; where it does connect, this one says what to do.
process.env.DATABASE_URL ||= "postgresql://database-url-is-not-set.invalid/shop";

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations", seed: "node prisma/seed.js" },
  engine: "js",
  experimental: { adapter: true },
  adapter: async () => migrationAdapter(process.env.DATABASE_URL),
});
