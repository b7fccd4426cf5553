import type { Metadata } from "next";
import type { ReactNode } from "react";
import { Footer } from "@/components/Footer";
import { Header } from "@/components/Header";
import { release } from "@/lib/release";
import "./globals.css";

export const metadata: Metadata = {
  description: "Useful things for kitchen, desk, garden and travel",
  other: { release },
};

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Header />
        <main>{children}</main>
        <Footer />
      </body>
    </html>
  );
}
