/** An answer other than success; Fastify makes its status and message the response. */
export class Problem extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}
