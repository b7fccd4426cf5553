/** Passwords as salted scrypt hashes: scrypt$<salt>$<hash>. */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(scrypt);
const LENGTH = 64;

export async function hashPassword(password, salt = randomBytes(16).toString("hex")) {
  return `scrypt$${salt}$${(await derive(password, salt, LENGTH)).toString("hex")}`;
}

export async function isPassword(password, stored) {
  const [, salt] = stored.split("$");
  return timingSafeEqual(Buffer.from(await hashPassword(password, salt)), Buffer.from(stored));
}
