/** The unit `worker`: `npm run worker`. It sends the confirmations of orders, and tells that it lives. */
import { setTimeout } from "node:timers/promises";
import Fastify from "fastify";
import { readConfig, release } from "./config.js";
import { connectDatabase } from "./database.js";
import { connectMail, sendConfirmation } from "./email.js";
import { healthRoutes } from "./health.js";
import { createLogger } from "./logger.js";
import { doNextJob, recoverJobs } from "./queue.js";
import { connectQueue, connectRedis } from "./redis.js";
import { onTermination } from "./termination.js";

const HEARTBEAT = 5; // seconds

const config = readConfig();
const logger = createLogger("worker");
const database = await connectDatabase(config.databaseUrl);
const redis = connectRedis(config.redisUrl, logger);
const queue = connectQueue(config.redisUrl, logger);
const mail = connectMail(config.mail);
let running = true;

async function beat() {
  const sign = JSON.stringify({ release, pid: process.pid, at: new Date().toISOString() });
  await redis.set("worker:heartbeat", sign, "EX", 3 * HEARTBEAT).catch(() => {}); // its absence tells
}

async function work() {
  await recoverJobs(queue);
  while (running) {
    let log = logger;
    try {
      await doNextJob(queue, (job) => {
        log = logger.child({ reqId: job.requestId }); // of the request that has left the job
        return sendConfirmation(database, mail, job, log);
      });
    } catch (error) {
      log.error({ reason: error.message }, "A job failed and will be tried again");
      await setTimeout(1000);
    }
  }
}

const app = Fastify({ loggerInstance: logger });
await app.register(healthRoutes, { database, redis });
if (config.port) await app.listen({ host: config.host, port: config.port });
await beat();
const heart = setInterval(beat, HEARTBEAT * 1000);
const working = work();
logger.info("Waiting for jobs");

onTermination(logger, async () => {
  running = false;
  clearInterval(heart);
  await working;
  await app.close();
  await database.$disconnect();
  redis.disconnect();
  queue.disconnect();
});
