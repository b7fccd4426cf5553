"use client";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { CartTable } from "@/components/CartTable";
import { api } from "@/lib/api";

export default function Checkout() {
  const router = useRouter();
  const [error, setError] = useState("");
  const [sending, setSending] = useState(false);

  function buy(token: string) {
    setSending(true);
    api("/checkout", { method: "POST", token }).then(
      () => router.push("/orders"),
      (error: Error) => {
        setError(error.message);
        setSending(false);
      },
    );
  }

  return (
    <>
      <title>Checkout · The Shop</title>
      <h1>Checkout</h1>
      <CartTable>{({ token }) => <button onClick={() => buy(token)} disabled={sending}>Place the order</button>}</CartTable>
      {error && <p role="alert">{error}</p>}
    </>
  );
}
