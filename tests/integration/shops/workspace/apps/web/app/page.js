import { headers } from "next/headers";

export const dynamic = "force-dynamic";

export default async function Page() {
  const asked = await headers();
  const requestId = asked.get("x-request-id") ?? asked.get("cf-ray")?.split("-")[0] ?? crypto.randomUUID();
  console.log(JSON.stringify({ level: "info", msg: "The page asks the API", requestId }));
  const url = `${process.env.NEXT_PUBLIC_API_URL}/api/greeting`;
  const answer = await fetch(url, { headers: { "x-request-id": requestId } });
  const { greeting } = await answer.json();
  return <h1>{greeting}</h1>;
}
