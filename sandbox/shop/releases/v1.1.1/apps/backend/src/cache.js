/** Answers kept in Redis for a short time; without Redis they are simply made again. */
import { release } from "./config.js";

const SECONDS = 60;

/** The release is in the key: two releases run side by side during a deploy, and their answers differ. */
export const productKey = (...parts) => ["product", release, ...parts].join(":");

export async function cached(redis, key, load) {
  const found = await redis.get(key).catch(() => null);
  if (found) return JSON.parse(found);
  const value = await load();
  if (value) await redis.set(key, JSON.stringify(value), "EX", SECONDS).catch(() => {});
  return value;
}
