import type { Metadata } from "next";
import Link from "next/link";
import { SessionForm } from "@/components/SessionForm";

export const metadata: Metadata = { title: "Log in · The Shop" };

export default function Login() {
  return (
    <>
      <h1>Log in</h1>
      <SessionForm path="/auth/login" submit="Log in" />
      <p>
        New here? <Link href="/register">Register</Link>.
      </p>
    </>
  );
}
