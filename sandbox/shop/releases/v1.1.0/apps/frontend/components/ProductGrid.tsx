"use client";
import { useApi, type Items, type Product } from "@/lib/api";
import { ProductCard } from "./ProductCard";
import { Status } from "./Status";

type RatedProduct = Product & { rating?: number | null };

export function ProductGrid({ path }: { path: string }) {
  const { data, error } = useApi<Items<RatedProduct>>(path);
  if (!data) return <Status error={error} />;
  if (data.items.length === 0) return <p>Nothing was found.</p>;
  return (
    <div className="grid">
      {data.items.map((product) => <ProductCard key={product.id} product={product} />)}
    </div>
  );
}
