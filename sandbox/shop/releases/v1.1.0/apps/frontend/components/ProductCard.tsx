"use client";
import { useState } from "react";
import { api, money, type Product } from "@/lib/api";
import { useSession } from "@/lib/session";
import { Rating } from "./Rating";

export function ProductCard({ product }: { product: Product & { rating?: number | null } }) {
  const session = useSession();
  const [message, setMessage] = useState("");

  function add() {
    if (!session) return setMessage("Please log in first.");
    api("/cart", { method: "POST", token: session.token, body: { productId: product.id, quantity: 1 } }).then(
      () => setMessage("It is in your cart."),
      (error: Error) => setMessage(error.message),
    );
  }

  return (
    <article>
      <small>{product.category.name}</small>
      <h2>{product.name}</h2>
      <p>{product.description}</p>
      <p>
        <strong>{money(product.priceCents)}</strong> · {product.stock > 0 ? `${product.stock} in stock` : "sold out"}
      </p>
      <Rating productId={product.id} initial={product.rating} />
      <button onClick={add} disabled={product.stock === 0}>Add to cart</button>
      <p role="status">{message}</p>
    </article>
  );
}
