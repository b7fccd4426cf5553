/** DELETE /api/test-customers/<address>: what a test customer has left is removed. */
import { Problem } from "../problem.js";
import { isTestCustomer, removeCustomer, requireToken } from "../test-customers.js";
import { clearCart } from "./cart.js";

export async function testCustomerRoutes(api, { database, redis, testCustomers }) {
  api.delete("/test-customers/:email", async (request, reply) => {
    requireToken(testCustomers, request);
    const email = request.params.email.toLowerCase();
    if (!isTestCustomer(testCustomers, email)) throw new Problem(403, "This is no address of a test customer.");
    const id = await removeCustomer(database, email);
    if (id === null) throw new Problem(404, "There is no such test customer.");
    await clearCart(redis, String(id));
    return reply.code(204).send();
  });
}
