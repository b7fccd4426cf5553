"use client";
import Link from "next/link";
import { setSession, useSession } from "@/lib/session";

export function Header() {
  const session = useSession();
  return (
    <header>
      <Link href="/" className="brand">The Shop</Link>
      <nav>
        <Link href="/products">Products</Link>
        <Link href="/search">Search</Link>
        <Link href="/cart">Cart</Link>
        {session && <Link href="/orders">Orders</Link>}
        {session && <button onClick={() => setSession(null)}>Log out {session.user.name}</button>}
        {session === null && <Link href="/login">Log in</Link>}
      </nav>
    </header>
  );
}
