/** The settings, from the environment; what is missing is said before anything starts. */
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url)));

export const release = `v${manifest.version}`;

export function readConfig(environment = process.env) {
  const required = (name, remedy) => {
    if (!environment[name]) throw new Error(`${name} is not set: ${remedy}`);
    return environment[name];
  };
  return {
    databaseUrl: required("DATABASE_URL", "give the address of the shop's PostgreSQL database."),
    redisUrl: required("REDIS_URL", "give the address of the shop's Redis."),
    jwtSecret: required("JWT_SECRET", "give a random text, as by `openssl rand -hex 32`."),
    host: environment.HOST ?? "127.0.0.1",
    port: environment.PORT ? Number(environment.PORT) : undefined,
    maintenance: environment.MAINTENANCE_MODE === "true",
    rateLimit: Number(environment.RATE_LIMIT ?? 100),
    proxies: Number(environment.TRUSTED_PROXIES ?? 0),
    mail: { url: environment.SMTP_URL, from: environment.MAIL_FROM ?? "The Shop <orders@shop.example>" },
    stripe: {
      url: environment.STRIPE_API_URL ?? "https://api.stripe.com",
      key: environment.STRIPE_SECRET_KEY,
      testKey: environment.STRIPE_TEST_KEY,
    },
    testCustomers: { domain: environment.TEST_CUSTOMERS_DOMAIN, token: environment.TEST_CUSTOMERS_TOKEN },
    corsOrigins: (environment.CORS_ORIGIN ?? "").split(",").map((origin) => origin.trim()).filter(Boolean),
  };
}
