/** The keys of questions whose answers may get lost. Implements specs/protocol.md section 12.1. */

import { CannotCheck } from "../typescript/src/client.js";

/**
 * Return a function that asks a question with an `Idempotency-Key`. If the answer was lost, the same question is asked
 * again under the same key. Any other question has a key of its own.
 */
export function question() {
  /** @type {{body: string, key: string} | null} */
  let lost = null;
  /**
   * @template T
   * @param {unknown} asked what the question says
   * @param {(idempotencyKey: string) => Promise<T>} send
   * @returns {Promise<T>}
   */
  return async (asked, send) => {
    const body = JSON.stringify(asked);
    const key = lost?.body === body ? lost.key : crypto.randomUUID();
    lost = null;
    try {
      return await send(key);
    } catch (error) {
      if (error instanceof CannotCheck) lost = { body, key };
      throw error;
    }
  };
}
