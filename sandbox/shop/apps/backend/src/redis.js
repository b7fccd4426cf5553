/** Connections to Redis: they come back by themselves, and say when they are lost. */
import { Redis } from "ioredis";

/** For requests: a command fails soon, and whoever waits gets an answer. */
export function connectRedis(url, log) {
  return opened(new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 2000 }), log);
}

/** For a worker that waits for jobs: a command waits as long as Redis is away. */
export function connectQueue(url, log) {
  return opened(new Redis(url, { maxRetriesPerRequest: null }), log);
}

function opened(redis, log) {
  return redis.on("error", (error) => log.warn({ code: error.code }, "Redis cannot be reached"));
}
