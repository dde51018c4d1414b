/**
 * Credentials: a bearer token for a person, a signature of each request (RFC 9421) for a system.
 * Implements specs/protocol.md section 2.
 */

const TAG = "callback-verification";
const KEY_ID = /^[A-Za-z0-9._~:@/-]{1,128}$/;
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const PEM = /^-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PRIVATE KEY-----\s*$/;

/**
 * A request before authentication. `body` has the bytes that will be sent.
 * @typedef {{method: string, url: string, headers: Record<string, string>, body: Uint8Array<ArrayBuffer> | null}} Asked
 */

/**
 * Makes the headers that authenticate one try of a request.
 * @typedef {{headers: (request: Asked) => Promise<Record<string, string>>}} Credential
 */

/**
 * The credential of a person: an access token of the bank's OpenID provider.
 * @param {string | (() => string | Promise<string>)} token the access token, or a function that returns the current
 *   one. Errors of the function reach the caller unchanged
 * @returns {Credential}
 */
export function bearer(token) {
  const current = typeof token === "function" ? token : () => token;
  return {
    headers: async () => {
      const value = await current();
      // The message reaches logs, so it must not hold the token.
      if (typeof value !== "string" || !TOKEN.test(value)) throw new TypeError("the token is not a bearer token");
      return { Authorization: `Bearer ${value}` };
    },
  };
}

/**
 * The credential of a system: an Ed25519 key that signs each request.
 * @param {{keyId: string, privateKey: CryptoKey | string}} key the system's id at the verifier, and its private key:
 *   a CryptoKey that may sign, or PKCS#8 in PEM
 * @returns {Credential} its first use raises TypeError if the PEM is not an Ed25519 key
 */
export function systemKey({ keyId, privateKey }) {
  if (typeof keyId !== "string" || !KEY_ID.test(keyId)) {
    throw new TypeError("keyId must have 1 to 128 letters, digits and -._~:@/");
  }
  const der = typeof privateKey === "string" ? readPem(privateKey) : null;
  if (der === null) mustSign(/** @type {CryptoKey} */ (privateKey));
  /** @type {Promise<CryptoKey> | undefined} */
  let imported;
  return {
    headers: async (request) => {
      imported ??= der === null ? Promise.resolve(/** @type {CryptoKey} */ (privateKey)) : importKey(der);
      return signRequest(request, keyId, await imported, Math.floor(Date.now() / 1000));
    },
  };
}

/**
 * Return the headers that sign a request (RFC 9421 section 3.1). `url` must be exactly the address that is sent.
 * @param {Asked} request
 * @param {string} keyId
 * @param {CryptoKey} key
 * @param {number} created in epoch seconds. The service accepts a clock skew of one minute
 */
export async function signRequest({ method, url, headers, body }, keyId, key, created) {
  /** @type {Record<string, string>} */
  const added = {};
  const covered = [
    ["@method", method],
    ["@target-uri", url],
  ];
  const idempotencyKey = headers["Idempotency-Key"];
  if (idempotencyKey !== undefined) covered.push(["idempotency-key", idempotencyKey]);
  if (body !== null) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
    added["Content-Digest"] = `sha-256=:${base64(digest)}:`;
    covered.push(["content-digest", added["Content-Digest"]]);
  }
  const names = covered.map(([name]) => `"${name}"`).join(" ");
  const parameters = `(${names});created=${created};keyid="${keyId}";tag="${TAG}"`;
  const lines = covered.map(([name, value]) => `"${name}": ${value}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join("\n");
  const signature = await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(base));
  added["Signature-Input"] = `sig=${parameters}`;
  added["Signature"] = `sig=:${base64(new Uint8Array(signature))}:`;
  return added;
}

/** @param {string} pem */
function readPem(pem) {
  const found = PEM.exec(pem.trim());
  if (!found?.[1]) throw new TypeError("privateKey is not PKCS#8 in PEM (-----BEGIN PRIVATE KEY-----)");
  try {
    return Uint8Array.from(atob(found[1].replace(/\s/g, "")), (each) => each.charCodeAt(0));
  } catch {
    throw new TypeError("privateKey has invalid base64");
  }
}

/** @param {Uint8Array<ArrayBuffer>} der */
async function importKey(der) {
  try {
    return await crypto.subtle.importKey("pkcs8", der, "Ed25519", false, ["sign"]);
  } catch {
    throw new TypeError("privateKey is not an Ed25519 key");
  }
}

/** @param {CryptoKey} key */
function mustSign(key) {
  if (key?.algorithm?.name !== "Ed25519" || !key.usages?.includes("sign")) {
    throw new TypeError("privateKey is neither PEM nor an Ed25519 CryptoKey that may sign");
  }
}

/** @param {Uint8Array} octets */
function base64(octets) {
  return btoa(String.fromCharCode(...octets));
}
