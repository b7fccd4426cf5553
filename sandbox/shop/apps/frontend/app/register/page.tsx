import type { Metadata } from "next";
import { SessionForm } from "@/components/SessionForm";

export const metadata: Metadata = { title: "Register · The Shop" };

export default function Register() {
  return (
    <>
      <h1>Register</h1>
      <SessionForm path="/auth/register" submit="Register" askName />
    </>
  );
}
