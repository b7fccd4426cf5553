/** Reviews: one for each customer and product; a product's rating is their mean. */
import { productKey } from "../cache.js";
import { Problem } from "../problem.js";
import { idParams } from "./catalogue.js";

const reviewBody = {
  type: "object",
  required: ["stars"],
  additionalProperties: false,
  properties: { stars: { type: "integer", minimum: 1, maximum: 5 } },
};

export async function reviewRoutes(api, { database, redis }) {
  const schema = { params: idParams, body: reviewBody };
  api.post("/products/:id/reviews", { schema, onRequest: api.authenticate }, async ({ user, params, body: { stars } }) => {
    const ids = { productId: params.id, userId: Number(user.sub) };
    await database.review
      .upsert({ where: { productId_userId: ids }, update: { stars }, create: { ...ids, stars } })
      .catch((error) => {
        throw error.code === "P2003" ? new Problem(404, `There is no product ${params.id}.`) : error;
      });
    const { _avg } = await database.review.aggregate({ where: { productId: params.id }, _avg: { stars: true } });
    const product = await database.product.update({ where: { id: params.id }, data: { rating: _avg.stars } });
    await redis.del(productKey(params.id)).catch(() => {});
    return { productId: product.id, rating: product.rating };
  });
}
