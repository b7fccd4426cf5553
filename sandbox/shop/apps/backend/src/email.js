/** Confirmations of orders: sent by SMTP where there is a mail server, and recorded in "EmailMessage". */
import nodemailer from "nodemailer";

const KIND = "confirmation";

export function connectMail({ url, from }) {
  return url ? nodemailer.createTransport(url, { from, connectionTimeout: 5000, socketTimeout: 10_000 }) : null;
}

export async function sendConfirmation(database, mail, { orderId }, log) {
  const where = { orderId_kind: { orderId, kind: KIND } };
  if (await database.emailMessage.findUnique({ where })) return;
  const order = await database.order.findUnique({ where: { id: orderId }, include: { user: true } });
  if (!order) return log.warn({ orderId }, "There is no such order to confirm");
  const { email, name } = order.user;
  const subject = `Your order ${orderId}`;
  const text = `Hello ${name},\n\nwe received your order ${orderId} of $${(order.totalCents / 100).toFixed(2)}.\n`;
  // The same id however often it is tried, by which a mail server recognizes what it has already.
  await mail?.sendMail({ to: email, subject, text, messageId: `<order-${orderId}@shop.example>` });
  const create = { orderId, kind: KIND, recipient: email, subject, status: "sent" };
  await database.emailMessage.upsert({ where, update: {}, create });
  log.info({ orderId }, "Confirmed an order");
}
