"use client";
import { useEffect, useState } from "react";

export type Product = {
  id: number;
  name: string;
  description: string;
  priceCents: number;
  stock: number;
  category: { slug: string; name: string };
};
export type Items<T> = { items: T[] };
export type Cart = Items<{ product: Product; quantity: number }> & { totalCents: number };
export type Order = {
  id: number;
  status: string;
  totalCents: number;
  createdAt: string;
  items: { id: number; quantity: number; product: { name: string } }[];
  emails: { kind: string; status: string }[];
};

type Options = { method?: "GET" | "POST" | "DELETE"; token?: string; body?: unknown };

/** Asks the backend; throws with a sentence that can be shown. */
export async function api<T>(path: string, { method = "GET", token, body }: Options = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const url = `${process.env.NEXT_PUBLIC_API_URL}/api${path}`;
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) }).catch(() => {
    throw new Error("The shop cannot be reached. Please try again.");
  });
  if (response.status === 204) return undefined as T;
  const answer = await response.json().catch(() => ({ message: `The shop answered with an error (${response.status}).` }));
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

/** Loads `path`, nothing while it is null, and again when it or the token changes. */
export function useApi<T>(path: string | null, token?: string): { data?: T; error?: string } {
  const [state, setState] = useState<{ data?: T; error?: string }>({});
  useEffect(() => {
    if (path === null) return;
    let current = true;
    api<T>(path, { token }).then(
      (data) => current && setState({ data }),
      (error: Error) => current && setState({ error: error.message }),
    );
    return () => {
      current = false;
    };
  }, [path, token]);
  return state;
}

export const money = (cents: number) => `$${(cents / 100).toFixed(2)}`;
