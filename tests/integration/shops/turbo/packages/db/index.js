import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "@prisma/client";

export function connect(connectionString) {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
}
