import Link from "next/link";

export function LogInFirst() {
  return (
    <p>
      Please <Link href="/login">log in</Link> or <Link href="/register">register</Link> first.
    </p>
  );
}
