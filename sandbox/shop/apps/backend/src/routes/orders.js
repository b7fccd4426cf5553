/** Checkout, and the orders that came of it. */
import { productKey } from "../cache.js";
import { pay } from "../payments.js";
import { Problem } from "../problem.js";
import { addJob } from "../queue.js";
import { isTestCustomer } from "../test-customers.js";
import { clearCart, readCart } from "./cart.js";
import { idParams } from "./catalogue.js";

const include = { items: { include: { product: { select: { name: true } } } }, emails: { select: { kind: true, status: true } } };

const paymentBody = {
  type: "object",
  required: ["paymentMethod"],
  additionalProperties: false,
  properties: { paymentMethod: { type: "string", pattern: "^pm_[A-Za-z0-9_]{1,100}$" } },
};

export async function orderRoutes(api, connections) {
  const { database, redis, stripe, testCustomers } = connections;
  api.addHook("onRequest", api.authenticate);

  api.post("/checkout", async ({ id, user, log }, reply) => {
    const { items, totalCents } = await readCart(connections, user.sub);
    if (items.length === 0) throw new Problem(409, "The cart is empty.");
    const order = await database.$transaction((transaction) => placeOrder(transaction, Number(user.sub), items, totalCents));
    try {
      await addJob(redis, { orderId: order.id, requestId: id });
      await redis.del(...items.map(({ product }) => productKey(product.id)));
      await clearCart(redis, user.sub);
    } catch (error) {
      log.error({ orderId: order.id, reason: error.message }, "An order is placed, but Redis was not told");
    }
    return reply.code(201).send(order);
  });

  api.post("/orders/:id/payment", { schema: { params: idParams, body: paymentBody } }, async ({ user, params, body }) => {
    const where = { id: params.id, userId: Number(user.sub) };
    const order = await database.order.findFirst({ where, include: { user: { select: { email: true } } } });
    if (!order) throw new Problem(404, `There is no order ${params.id}.`);
    if (order.status === "paid") throw new Problem(409, "The order is paid already.");
    const key = isTestCustomer(testCustomers, order.user.email) ? stripe.testKey : stripe.key;
    const due = { orderId: order.id, amount: order.totalCents, paymentMethod: body.paymentMethod };
    const payment = await pay({ url: stripe.url, key }, due);
    await database.order.update({ where: { id: order.id }, data: { status: "paid" } });
    return { orderId: order.id, status: "paid", payment };
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
