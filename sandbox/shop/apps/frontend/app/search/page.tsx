"use client";
import { useState, type FormEvent } from "react";
import { ProductGrid } from "@/components/ProductGrid";

export default function Search() {
  const [query, setQuery] = useState("");

  function search(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setQuery(String(new FormData(event.currentTarget).get("q")));
  }

  return (
    <>
      <title>Search · The Shop</title>
      <h1>Search</h1>
      <form onSubmit={search} role="search">
        <label>What are you looking for? <input name="q" type="search" required maxLength={100} /></label>
        <button>Search</button>
      </form>
      {query && <ProductGrid path={`/search?q=${encodeURIComponent(query)}`} />}
    </>
  );
}
