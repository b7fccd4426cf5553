"use client";
import { LogInFirst } from "@/components/LogInFirst";
import { Status } from "@/components/Status";
import { money, useApi, type Items, type Order } from "@/lib/api";
import { useSession } from "@/lib/session";

export default function Orders() {
  return (
    <>
      <title>Orders · The Shop</title>
      <h1>Orders</h1>
      <OrderList />
    </>
  );
}

function OrderList() {
  const session = useSession();
  const { data, error } = useApi<Items<Order>>(session ? "/orders" : null, session?.token);
  if (session === null) return <LogInFirst />;
  if (!data) return <Status error={error} />;
  if (data.items.length === 0) return <p>You have not ordered anything yet.</p>;
  return data.items.map((order) => (
    <article key={order.id}>
      <h2>Order {order.id}</h2>
      <p>
        {new Date(order.createdAt).toLocaleString()} · {order.status} · {money(order.totalCents)}
        {order.emails.some(({ status }) => status === "sent") && " · confirmed by e-mail"}
      </p>
      <ul>
        {order.items.map(({ id, quantity, product }) => <li key={id}>{quantity} × {product.name}</li>)}
      </ul>
    </article>
  ));
}
