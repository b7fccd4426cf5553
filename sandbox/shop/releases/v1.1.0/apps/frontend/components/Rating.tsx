"use client";
import { useState } from "react";
import { api } from "@/lib/api";
import { useSession } from "@/lib/session";

/** The rating of a product; whoever is logged in may add theirs. */
export function Rating({ productId, initial = null }: { productId: number; initial?: number | null }) {
  const session = useSession();
  const [rating, setRating] = useState(initial);
  const [error, setError] = useState("");

  function rate(stars: number) {
    api<{ rating: number }>(`/products/${productId}/reviews`, { method: "POST", token: session?.token, body: { stars } }).then(
      (review) => setRating(review.rating),
      (error: Error) => setError(error.message),
    );
  }

  return (
    <p>
      {rating === null ? "Not rated yet" : `${rating.toFixed(1)} of 5 stars`}{" "}
      {session && [1, 2, 3, 4, 5].map((stars) => <button key={stars} onClick={() => rate(stars)} aria-label={`${stars} stars`}>{stars}</button>)}
      {error && <span role="alert">{error}</span>}
    </p>
  );
}
