import { release } from "@/lib/release";

export function Footer() {
  return <footer>The Shop, {release} · Useful things, well made</footer>;
}
