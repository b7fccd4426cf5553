"use client";
import { useSyncExternalStore } from "react";

export type Session = { token: string; user: { id: number; email: string; name: string } };

const KEY = "session";
const listeners = new Set<() => void>();

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Who is logged in in this browser: null when nobody is, undefined while the page is not alive yet. */
export function useSession(): Session | null | undefined {
  const stored = useSyncExternalStore(subscribe, () => localStorage.getItem(KEY), () => undefined);
  return typeof stored === "string" ? JSON.parse(stored) : stored;
}

export function setSession(session: Session | null) {
  if (session) localStorage.setItem(KEY, JSON.stringify(session));
  else localStorage.removeItem(KEY);
  listeners.forEach((listener) => listener());
}
