/**
 * Test customers: they order in production, and no real charge or record of them remains. Their addresses have a
 * domain of their own, and only who knows the token can register or remove one.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Problem } from "./problem.js";

const digest = (text) => createHash("sha256").update(text).digest();

export const isTestCustomer = ({ domain }, email) => Boolean(domain) && email.toLowerCase().endsWith(`@${domain}`);

export function requireToken({ token }, request) {
  const given = request.headers["x-test-customers-token"];
  if (!token || !given || !timingSafeEqual(digest(given), digest(token))) {
    throw new Problem(403, "This needs the token of test customers.");
  }
}

/** Removes a customer with all orders, puts the goods back into stock, and returns whether there was one. */
export async function removeCustomer(database, email) {
  return database.$transaction(async (transaction) => {
    const user = await transaction.user.findUnique({ where: { email }, include: { orders: { include: { items: true } } } });
    if (!user) return null;
    for (const { productId, quantity } of user.orders.flatMap(({ items }) => items)) {
      await transaction.product.updateMany({ where: { id: productId }, data: { stock: { increment: quantity } } });
    }
    await transaction.order.deleteMany({ where: { userId: user.id } });
    await transaction.user.delete({ where: { id: user.id } });
    return user.id;
  });
}
