/**
 * Asks the app or the page that shows this page for the person's access token. An app defines
 * `callbackVerificationHost.token()` in its WebView before the page loads. A page that shows this one in a frame answers
 * the message `callback-verification:token`. Implements specs/protocol.md section 12.3.
 */

const MESSAGE = "callback-verification:token";
const NO_ANSWER_MS = 10_000;

/**
 * A function that returns a token, and null if nobody is signed in. `acrValues` are the contexts of a stronger sign-in,
 * if the service has asked for one.
 * @typedef {(asked: {acrValues: readonly string[] | null}) => Promise<string | null> | string | null} TokenProvider
 */

/**
 * Return the provider of the app or the page around this one, or null if there is none.
 * @param {readonly string[]} origins the origins whose pages may show this page in a frame
 * @returns {TokenProvider | null}
 */
export function hostTokens(origins) {
  const host = /** @type {{token?: unknown} | undefined} */ (Reflect.get(globalThis, "callbackVerificationHost"));
  if (typeof host?.token === "function") {
    // The bridge of Android takes texts only, and calls the method of this very object.
    return ({ acrValues }) => /** @type {any} */ (host).token(JSON.stringify({ acrValues }));
  }
  return parent !== window && origins.length > 0 ? (asked) => askParent(origins, asked) : null;
}

/**
 * Ask the page around this one. Only an allowed origin gets the question, and only its answer counts.
 * @param {readonly string[]} origins
 * @param {object} asked
 * @returns {Promise<string | null>}
 */
function askParent(origins, asked) {
  return new Promise((resolve) => {
    const id = crypto.randomUUID();
    /** @param {string | null} token */
    const end = (token) => {
      clearTimeout(timer);
      removeEventListener("message", heard);
      resolve(token);
    };
    const heard = (/** @type {MessageEvent} */ event) => {
      if (event.source !== parent || !origins.includes(event.origin)) return;
      if (event.data?.type !== MESSAGE || event.data.id !== id) return;
      end(typeof event.data.token === "string" ? event.data.token : null);
    };
    const timer = setTimeout(() => end(null), NO_ANSWER_MS);
    addEventListener("message", heard);
    for (const origin of origins) parent.postMessage({ type: MESSAGE, id, ...asked }, origin);
  });
}
