/** The customer who is present, until they leave. Implements specs/protocol.md section 7.19. */

/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CustomerFound"]} CustomerFound */
/** How the customer was found, and why. @typedef {{application_id?: string, number?: string, reason: string}} Present */

/** @type {{asked: Present, customer: CustomerFound} | null} */
let visit = null;

export function present() {
  return visit;
}

/** Begin a visit. @param {Present} asked @param {CustomerFound} customer */
export function begin(asked, customer) {
  visit = { asked, customer };
}

/** End the visit, so that the next customer's questions are not asked for this one. */
export function end() {
  visit = null;
}
