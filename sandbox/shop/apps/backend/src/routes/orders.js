/** Checkout, and the orders that came of it. */
import { productKey } from "../cache.js";
import { Problem } from "../problem.js";
import { addJob } from "../queue.js";
import { clearCart, readCart } from "./cart.js";

const include = { items: { include: { product: { select: { name: true } } } }, emails: { select: { kind: true, status: true } } };

export async function orderRoutes(api, connections) {
  const { database, redis } = connections;
  api.addHook("onRequest", api.authenticate);

  api.post("/checkout", async ({ user, log }, reply) => {
    const { items, totalCents } = await readCart(connections, user.sub);
    if (items.length === 0) throw new Problem(409, "The cart is empty.");
    const order = await database.$transaction((transaction) => placeOrder(transaction, Number(user.sub), items, totalCents));
    try {
      await addJob(redis, { orderId: order.id });
      await redis.del(...items.map(({ product }) => productKey(product.id)));
      await clearCart(redis, user.sub);
    } catch (error) {
      log.error({ orderId: order.id, reason: error.message }, "An order is placed, but Redis was not told");
    }
    return reply.code(201).send(order);
  });

  api.get("/orders", async ({ user }) => ({
    items: await database.order.findMany({ where: { userId: Number(user.sub) }, include, orderBy: { id: "desc" }, take: 50 }),
  }));
}

/** Takes the goods from stock, always in the order of their ids so that two checkouts never wait for each other. */
async function placeOrder(transaction, userId, items, totalCents) {
  for (const { product, quantity } of items) {
    const { count } = await transaction.product.updateMany({
      where: { id: product.id, stock: { gte: quantity } },
      data: { stock: { decrement: quantity } },
    });
    if (count === 0) throw new Problem(409, `Fewer than ${quantity} of "${product.name}" are left.`);
  }
  const bought = items.map(({ product: { id, priceCents }, quantity }) => ({ productId: id, quantity, priceCents }));
  return transaction.order.create({ data: { userId, totalCents, items: { create: bought } }, include });
}
