/** How often an address may try: counted in Redis by the minute, for all replicas together. Without Redis nobody is kept out. */
import { Problem } from "./problem.js";

const SECONDS = 60;

export const limitAttempts = (redis, most) => async (request, reply) => {
  const minute = Math.floor(Date.now() / 1000 / SECONDS);
  const key = `attempts:${request.ip}:${minute}`;
  const answers = await redis.multi().incr(key).expire(key, SECONDS).exec().catch(() => null);
  if (answers && answers[0][1] > most) {
    reply.header("retry-after", String(SECONDS - (Math.floor(Date.now() / 1000) % SECONDS)));
    throw new Problem(429, "Too many attempts: try again in a minute.");
  }
};
