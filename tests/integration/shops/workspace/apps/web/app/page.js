export const dynamic = "force-dynamic";

export default async function Page() {
  const answer = await fetch(`${process.env.NEXT_PUBLIC_API_URL}/api/greeting`);
  const { greeting } = await answer.json();
  return <h1>{greeting}</h1>;
}
