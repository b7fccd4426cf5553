"use client";
import { useState } from "react";
import { ProductGrid } from "@/components/ProductGrid";
import { useApi, type Items } from "@/lib/api";

type Category = { id: number; slug: string; name: string };

export default function Products() {
  const categories = useApi<Items<Category>>("/categories").data?.items ?? [];
  const [category, setCategory] = useState("");
  return (
    <>
      <title>Products · The Shop</title>
      <h1>Products</h1>
      <label>
        Category{" "}
        <select value={category} onChange={(event) => setCategory(event.target.value)}>
          <option value="">All</option>
          {categories.map(({ id, slug, name }) => <option key={id} value={slug}>{name}</option>)}
        </select>
      </label>
      <ProductGrid path={`/products?limit=100&category=${category}`} />
    </>
  );
}
