/** The unit `api`: `npm start`. */
import { buildApp } from "./app.js";
import { readConfig } from "./config.js";
import { connectDatabase } from "./database.js";
import { createLogger } from "./logger.js";
import { connectRedis } from "./redis.js";
import { onTermination } from "./termination.js";

const config = readConfig();
const logger = createLogger("api");
const database = await connectDatabase(config.databaseUrl);
const redis = connectRedis(config.redisUrl, logger);
const app = await buildApp({ config, database, redis, logger });

onTermination(logger, async () => {
  await app.close();
  await database.$disconnect();
  redis.disconnect();
});
await app.listen({ host: config.host, port: config.port ?? 4000 });
