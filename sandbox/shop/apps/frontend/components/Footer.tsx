import { release } from "@/lib/release";

export function Footer() {
  return <footer>The Shop, {release}</footer>;
}
