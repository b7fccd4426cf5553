/** Confirmations of orders. The shop has no mail server: what would be sent is kept in "EmailMessage". */

export async function sendConfirmation(database, { orderId }, log) {
  const order = await database.order.findUnique({ where: { id: orderId }, include: { user: true } });
  if (!order) return log.warn({ orderId }, "There is no such order to confirm");
  await database.emailMessage.upsert({
    where: { orderId_kind: { orderId, kind: "confirmation" } },
    update: {},
    create: {
      orderId,
      kind: "confirmation",
      recipient: order.user.email,
      subject: `Your order ${orderId}`,
      status: "sent",
    },
  });
  log.info({ orderId }, "Confirmed an order");
}
