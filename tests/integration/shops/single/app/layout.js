import shop from "../package.json";

export const metadata = { other: { release: `v${shop.version}` } };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
