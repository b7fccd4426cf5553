import { PrismaPg } from "@prisma/adapter-pg";
import { defineConfig } from "prisma/config";

// Prisma wants an address even where it connects to nothing, as in a build.
process.env.POSTGRES_URL ||= "postgresql://not-set.invalid/shop";

export default defineConfig({
  schema: "prisma/schema.prisma",
  engine: "js",
  experimental: { adapter: true },
  adapter: async () => new PrismaPg({ connectionString: process.env.POSTGRES_URL }),
});
