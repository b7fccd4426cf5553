/** Payments by Stripe's PaymentIntents. One request needs no client library. */
import { Problem } from "./problem.js";

const PATIENCE = 10_000; // milliseconds

/** Charges `paymentMethod` and returns {id, status, livemode}; throws a Problem that can be shown. */
export async function pay({ url, key }, { orderId, amount, paymentMethod }) {
  if (!key) throw new Problem(503, "Payments are not set up.");
  const body = new URLSearchParams({
    amount: String(amount),
    currency: "usd",
    confirm: "true",
    payment_method: paymentMethod,
    "automatic_payment_methods[enabled]": "true",
    "automatic_payment_methods[allow_redirects]": "never",
    "metadata[order]": String(orderId),
  });
  const headers = { authorization: `Bearer ${key}`, "idempotency-key": `order-${orderId}-${paymentMethod}` };
  const response = await fetch(`${url}/v1/payment_intents`, {
    method: "POST", headers, body, signal: AbortSignal.timeout(PATIENCE),
  }).catch(() => {
    throw new Problem(502, "The payment provider cannot be reached. Please try again.");
  });
  const answer = await response.json().catch(() => ({}));
  if (response.status === 402) throw new Problem(402, answer.error?.message ?? "The payment was declined.");
  if (!response.ok || answer.status !== "succeeded") throw new Problem(502, "The payment provider refused the payment.");
  return { id: answer.id, status: answer.status, livemode: answer.livemode };
}
