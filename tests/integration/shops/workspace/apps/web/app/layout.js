import { release } from "@shop/release";

export const metadata = { other: { release } };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
