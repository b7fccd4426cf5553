/** The cart of whoever is logged in: product ids and quantities in Redis. */
import { Problem } from "../problem.js";

const DAYS_7 = 7 * 24 * 3600;

const cartKey = (userId) => `cart:${userId}`;

const itemBody = {
  type: "object",
  required: ["productId", "quantity"],
  additionalProperties: false,
  properties: {
    productId: { type: "integer", minimum: 1, maximum: 2147483647 },
    quantity: { type: "integer", minimum: 1, maximum: 99 },
  },
};

export async function readCart({ database, redis }, userId) {
  const quantities = await redis.hgetall(cartKey(userId));
  const where = { id: { in: Object.keys(quantities).map(Number) } };
  const products = await database.product.findMany({ where, orderBy: { id: "asc" } });
  const items = products.map((product) => ({ product, quantity: Number(quantities[product.id]) }));
  return { items, totalCents: items.reduce((sum, { product, quantity }) => sum + product.priceCents * quantity, 0) };
}

export const clearCart = (redis, userId) => redis.del(cartKey(userId));

export async function cartRoutes(api, connections) {
  const { database, redis } = connections;
  api.addHook("onRequest", api.authenticate);

  api.get("/cart", async ({ user }) => readCart(connections, user.sub));

  api.post("/cart", { schema: { body: itemBody } }, async ({ user, body }) => {
    if (!(await database.product.findUnique({ where: { id: body.productId } }))) {
      throw new Problem(404, `There is no product ${body.productId}.`);
    }
    const key = cartKey(user.sub);
    await redis.multi().hset(key, body.productId, body.quantity).expire(key, DAYS_7).exec();
    return readCart(connections, user.sub);
  });

  api.delete("/cart", async ({ user }, reply) => {
    await clearCart(redis, user.sub);
    return reply.code(204).send();
  });
}
