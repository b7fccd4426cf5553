import pg from "pg";

export const dynamic = "force-dynamic";

export default async function Page() {
  const database = new pg.Client(process.env.DATABASE_URL);
  await database.connect();
  const { rows } = await database.query('SELECT count(*) FROM "Product"').finally(() => database.end());
  return <h1>{rows[0].count} products</h1>;
}
