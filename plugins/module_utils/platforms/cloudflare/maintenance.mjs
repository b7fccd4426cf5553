// Copyright: Contributors to storefront.runbook
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The maintenance of a shop, as a Cloudflare Worker on the routes of its public hosts. It answers 503 and lets through
// payment webhooks, certificate challenges, the health path with its secret header, and operators with a signed pass.
// cf_maintenance uploads it with these bindings: CONFIG (JSON), OPERATOR_KEY and, for the health path, HEALTH_SECRET.

import page from "./page.html";

const MARK = "x-storefront-maintenance"; // by which cf_maintenance recognizes this answer
const PASS = "storefront-operator"; // the operator's cookie; the header is x-storefront-operator
const DOOR = "/.well-known/storefront-operator"; // where an operator exchanges a pass for the cookie
const LATE = 300; // seconds to ask for when maintenance takes longer than expected

export default {
  async fetch(request, env) {
    const config = JSON.parse(env.CONFIG);
    const url = new URL(request.url);
    const now = Date.now() / 1000;
    if (config.opens_at && now >= config.opens_at) return fetch(request); // the scheduled end
    if (url.pathname === DOOR) return door(request, env, config, now);
    if (isLetThrough(url, request, config, env)) return fetch(request);
    if (await hasPass(request, env, config, now)) return fetch(withoutPass(request));
    return closed(request, url, config, now);
  },
};

function isLetThrough(url, request, config, env) {
  // An origin may decode %2F and resolve "..": such a path is not what it seems.
  if (/%2f|%5c|%2e|\/\//i.test(url.pathname)) return false;
  if (config.let_through.some((path) => matches(url.pathname, path))) return true;
  const { path, header } = config.health ?? {};
  return Boolean(path && env.HEALTH_SECRET) && url.pathname === path && isSame(request.headers.get(header), env.HEALTH_SECRET);
}

function matches(pathname, path) {
  return path.endsWith("*") ? pathname.startsWith(path.slice(0, -1)) : pathname === path;
}

// Compares every character, so that the time of the answer says nothing about the secret.
function isSame(given, secret) {
  if (given === null || given.length !== secret.length) return false;
  let differs = 0;
  for (let index = 0; index < secret.length; index++) differs |= given.charCodeAt(index) ^ secret.charCodeAt(index);
  return differs === 0;
}

async function hasPass(request, env, config, now) {
  const header = request.headers.get(`x-${PASS}`);
  const cookie = (request.headers.get("cookie") ?? "").split(/;\s*/).find((part) => part.startsWith(`${PASS}=`));
  const pass = header ?? (cookie ? cookie.slice(PASS.length + 1) : "");
  return pass !== "" && (await expiry(pass, env, config)) > now;
}

// The time at which a pass expires, in seconds; 0 for one that is not valid. A pass is NAME.EXPIRES.SIGNATURE; the
// signature is HMAC-SHA-256 of "SHOP|NAME|EXPIRES", so that a pass of one shop opens no other.
async function expiry(pass, env, config) {
  const [, name, expires, signature] = /^([\w-]{1,64})\.(\d{1,12})\.([0-9a-f]{64})$/.exec(pass) ?? [];
  if (!signature || !env.OPERATOR_KEY) return 0;
  const text = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", text.encode(env.OPERATOR_KEY), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const bytes = Uint8Array.from(signature.match(/../g), (pair) => parseInt(pair, 16));
  const valid = await crypto.subtle.verify("HMAC", key, bytes, text.encode(`${config.shop}|${name}|${expires}`));
  return valid ? Number(expires) : 0;
}

// The shop must not see or log the pass.
function withoutPass(request) {
  const headers = new Headers(request.headers);
  headers.delete(`x-${PASS}`);
  const cookies = (headers.get("cookie") ?? "").split(/;\s*/).filter((part) => part && !part.startsWith(`${PASS}=`));
  if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
  else headers.delete("cookie");
  return new Request(request, { headers });
}

async function door(request, env, config, now) {
  const headers = { "cache-control": "no-store", [MARK]: config.shop };
  if (request.method === "POST") {
    const pass = String((await request.formData().catch(() => new FormData())).get("pass") ?? "").trim();
    const until = await expiry(pass, env, config);
    if (until > now) {
      const cookie = `${PASS}=${pass}; Path=/; Max-Age=${Math.floor(until - now)}; HttpOnly; Secure; SameSite=Lax`;
      return new Response(null, { status: 303, headers: { ...headers, location: "/", "set-cookie": cookie } });
    }
    return new Response("This pass is not valid or has expired.\n", { status: 403, headers });
  }
  const form = `<!doctype html><title>Operators</title><form method="post"><label>Pass <input name="pass" type="password" autocomplete="off"></label> <button>Open the shop</button></form>`;
  return new Response(form, { headers: { ...headers, "content-type": "text/html; charset=utf-8" } });
}

function closed(request, url, config, now) {
  const left = config.expected_at - now;
  const headers = {
    "cache-control": "no-store",
    "retry-after": String(left > 0 ? Math.ceil(left) : LATE),
    "access-control-allow-origin": "*", // without it a browser hides the answer from the shop's own scripts
    "access-control-expose-headers": "retry-after",
    vary: "accept",
    [MARK]: config.shop,
  };
  const head = request.method === "HEAD";
  if (wantsJson(request, url, config)) {
    const body = JSON.stringify({ error: "maintenance", message: config.message, retry_after: Number(headers["retry-after"]) });
    return new Response(head ? null : body, { status: 503, headers: { ...headers, "content-type": "application/json" } });
  }
  return new Response(head ? null : page, { status: 503, headers: { ...headers, "content-type": "text/html; charset=utf-8" } });
}

function wantsJson(request, url, config) {
  if (config.api_hosts.includes(url.host)) return true;
  const accept = request.headers.get("accept") ?? "";
  return url.pathname.startsWith("/api/") || (accept.includes("application/json") && !accept.includes("text/html"));
}
