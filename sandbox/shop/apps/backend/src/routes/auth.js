/** Registering and logging in. */
import { limitAttempts } from "../limits.js";
import { hashPassword, isPassword } from "../passwords.js";
import { Problem } from "../problem.js";
import { isTestCustomer, requireToken } from "../test-customers.js";

const email = { type: "string", format: "email", maxLength: 254 };
const password = { type: "string", minLength: 8, maxLength: 200 };
const name = { type: "string", minLength: 1, maxLength: 100 };

const object = (properties) => ({
  type: "object",
  required: Object.keys(properties),
  additionalProperties: false,
  properties,
});

export async function authRoutes(api, { database, redis, rateLimit, testCustomers }) {
  api.addHook("onRequest", limitAttempts(redis, rateLimit));
  const session = ({ id, email, name }) => ({ token: api.jwt.sign({ sub: String(id) }), user: { id, email, name } });

  api.post("/auth/register", { schema: { body: object({ email, password, name }) } }, async (request, reply) => {
    const { body } = request;
    const address = body.email.toLowerCase();
    if (isTestCustomer(testCustomers, address)) requireToken(testCustomers, request);
    const data = { email: address, name: body.name, passwordHash: await hashPassword(body.password) };
    const user = await database.user.create({ data }).catch((error) => {
      throw error.code === "P2002" ? new Problem(409, "This e-mail address is registered already: log in.") : error;
    });
    return reply.code(201).send(session(user));
  });

  api.post("/auth/login", { schema: { body: object({ email, password }) } }, async ({ body }) => {
    const user = await database.user.findUnique({ where: { email: body.email.toLowerCase() } });
    if (!user || !(await isPassword(body.password, user.passwordHash))) {
      throw new Problem(401, "The e-mail address or the password is wrong.");
    }
    return session(user);
  });
}
