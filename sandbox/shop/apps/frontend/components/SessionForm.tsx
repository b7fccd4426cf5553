"use client";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { api } from "@/lib/api";
import { setSession, type Session } from "@/lib/session";

/** Logs in, or registers when `name` is asked for. */
export function SessionForm({ path, submit, askName = false }: { path: string; submit: string; askName?: boolean }) {
  const router = useRouter();
  const [error, setError] = useState("");

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(event.currentTarget));
    api<Session>(path, { method: "POST", body }).then(
      (session) => {
        setSession(session);
        router.push("/products");
      },
      (error: Error) => setError(error.message),
    );
  }

  return (
    <form onSubmit={send}>
      {askName && <label>Name <input name="name" autoComplete="name" required maxLength={100} /></label>}
      <label>E-mail <input name="email" type="email" autoComplete="email" required /></label>
      <label>Password <input name="password" type="password" required minLength={8} autoComplete={askName ? "new-password" : "current-password"} /></label>
      <button>{submit}</button>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}
