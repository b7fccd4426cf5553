/** What the shop cannot do without: `/health` asks each. */
export const services = {
  database: ({ database }) => database.$queryRaw`SELECT 1`,
  redis: ({ redis }) => redis.ping(),
};
