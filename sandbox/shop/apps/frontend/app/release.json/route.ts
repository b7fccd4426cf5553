import { release } from "@/lib/release";

export const dynamic = "force-static";

export function GET() {
  return Response.json({ release });
}
