"use client";
import Link from "next/link";
import { CartTable } from "@/components/CartTable";

export default function CartPage() {
  return (
    <>
      <title>Cart · The Shop</title>
      <h1>Cart</h1>
      <CartTable>{() => <Link href="/checkout" className="button">Go to checkout</Link>}</CartTable>
    </>
  );
}
