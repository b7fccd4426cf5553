/** Products, categories and search: for everybody, cached. */
import { cached, productKey } from "../cache.js";
import { Problem } from "../problem.js";

const include = { category: { select: { slug: true, name: true } } };

const listQuery = {
  type: "object",
  properties: {
    page: { type: "integer", minimum: 1, maximum: 10000, default: 1 },
    limit: { type: "integer", minimum: 1, maximum: 100, default: 12 },
    category: { type: "string", maxLength: 60 },
  },
};
const searchQuery = {
  type: "object",
  required: ["q"],
  properties: { q: { type: "string", minLength: 1, maxLength: 100 } },
};
export const idParams = {
  type: "object",
  properties: { id: { type: "integer", minimum: 1, maximum: 2147483647 } },
};

export async function catalogueRoutes(api, { database, redis }) {
  api.get("/products", { schema: { querystring: listQuery } }, async ({ query: { page, limit, category } }) =>
    cached(redis, productKey("list", category ?? "", page, limit), async () => {
      const where = category ? { category: { slug: category } } : {};
      const [total, items] = await Promise.all([
        database.product.count({ where }),
        database.product.findMany({ where, include, orderBy: { id: "asc" }, skip: (page - 1) * limit, take: limit }),
      ]);
      return { items, page, limit, total };
    }),
  );

  api.get("/products/:id", { schema: { params: idParams } }, async ({ params: { id } }) => {
    const product = await cached(redis, productKey(id), () => database.product.findUnique({ where: { id }, include }));
    if (!product) throw new Problem(404, `There is no product ${id}.`);
    return product;
  });

  api.get("/categories", async () => ({ items: await database.category.findMany({ orderBy: { name: "asc" } }) }));

  api.get("/search", { schema: { querystring: searchQuery } }, async ({ query: { q } }) => {
    const found = await database.$queryRaw`
      SELECT "id" FROM "Product"
      WHERE to_tsvector('english', "name" || ' ' || "description") @@ websearch_to_tsquery('english', ${q})
      ORDER BY "id" LIMIT 50`;
    const where = { id: { in: found.map(({ id }) => id) } };
    return { items: await database.product.findMany({ where, include, orderBy: { id: "asc" } }) };
  });
}
