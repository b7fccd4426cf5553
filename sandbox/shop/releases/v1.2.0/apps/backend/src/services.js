/**
 * What the shop cannot do without: `/health` asks each.
 *
 * This release is broken on purpose: it counts on a payment provider that nobody has set up. Its processes start and
 * answer, but never become healthy, which is what a deploy has to notice.
 */
export const services = {
  database: ({ database }) => database.$queryRaw`SELECT 1`,
  redis: ({ redis }) => redis.ping(),
  payments: async () => {
    throw new Error("no payment provider has been set up");
  },
};
