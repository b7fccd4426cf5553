import Redis from "ioredis";

const redis = new Redis(process.env.REDIS_URL);
process.on("SIGTERM", () => redis.disconnect());
for (let order; redis.status !== "end"; ) {
  order = await redis.blpop("orders", 0).catch(() => null);
  if (order) console.log(`order ${order[1]}`);
}
