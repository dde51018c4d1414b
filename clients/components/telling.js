/** Tells whoever shows a component of each verdict, without the code. Implements specs/protocol.md section 12.3. */

/** @typedef {import("../typescript/src/client.js").Client} Client */
/** @typedef {import("../web/place.js").Told["verdict"]} ToldVerdict */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Verdict"]} Verdict */

/**
 * Return the client. It tells each verdict on a code, and an unavailable one when there was no reliable answer. A
 * confirmation that is repeated under its key is told again only when its verdict has changed.
 * @param {Client} client
 * @param {(verdict: ToldVerdict) => void} tell
 */
export function tellingVerdicts(client, tell) {
  const { confirmations } = client;
  const { confirm } = confirmations;
  let before = "";
  confirmations.confirm = async (body, handlers, options) => {
    /** @param {ToldVerdict} told */
    const once = (told) => {
      const now = `${options?.idempotencyKey} ${told.verdict}`;
      if (now !== before) tell(told);
      before = now;
    };
    /** @template {Verdict} V @template T @param {(verdict: V) => T} handle @returns {(verdict: V) => T} */
    const telling = (handle) => (verdict) => {
      once(toldOf(verdict));
      return handle(verdict);
    };
    const { genuine, notGenuine, ended } = handlers;
    try {
      const told = { genuine: telling(genuine), notGenuine: telling(notGenuine), ended: telling(ended) };
      return await confirm(body, told, options);
    } catch (error) {
      if (!options?.signal?.aborted) once({ verdict: "unavailable", call_id: null, receipt_id: null, to_another: false });
      throw error;
    }
  };
  return client;
}

/** @param {Verdict} verdict @returns {ToldVerdict} */
function toldOf({ verdict, call, receipt_id }) {
  return { verdict, call_id: call?.call_id ?? null, receipt_id, to_another: Boolean(call?.called) };
}
