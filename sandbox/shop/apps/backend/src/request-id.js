/** The id of a request in every log: that of its caller, or the edge's (Cloudflare's Ray ID), or a new one. */
import { randomUUID } from "node:crypto";

const ID = /^[\w-]{8,64}$/; // it is logged and sent on, so it must not be just anything
const RAY = /^[0-9a-f]{16}(?=-|$)/; // without the data centre that follows it

export function requestId({ headers }) {
  const [given, ray] = [headers["x-request-id"] ?? "", headers["cf-ray"] ?? ""];
  return ID.test(given) ? given : (RAY.exec(ray)?.[0] ?? randomUUID());
}
