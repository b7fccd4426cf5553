import type { NextConfig } from "next";
import { release } from "./lib/release";

if (!process.env.NEXT_PUBLIC_API_URL) {
  throw new Error("NEXT_PUBLIC_API_URL is not set: give the public address of the shop's backend.");
}

const config: NextConfig = {
  output: "export",
  images: { unoptimized: true },
  generateBuildId: () => release,
  // Types are checked by `npm run type-check`, before a release is made; a build need not take that time again.
  typescript: { ignoreBuildErrors: true },
};

export default config;
