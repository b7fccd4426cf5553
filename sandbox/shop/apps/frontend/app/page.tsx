import type { Metadata } from "next";
import Link from "next/link";
import { ProductGrid } from "@/components/ProductGrid";

export const metadata: Metadata = { title: "The Shop" };

export default function Home() {
  return (
    <>
      <h1>Useful things, well made</h1>
      <p>
        For kitchen, desk, garden and travel. <Link href="/products">See all products</Link>.
      </p>
      <ProductGrid path="/products?limit=3" />
    </>
  );
}
