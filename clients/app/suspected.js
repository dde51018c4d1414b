/** What the customer has just checked and may report, so that they need not type it twice. In memory alone. */

/** @typedef {{code: string, at: string}} Suspected */

const KEPT_MS = 600_000;
/** @type {Suspected | null} */
let suspected = null;

/** Remember it for the form, or forget it. @param {Suspected | null} what */
export function suspect(what) {
  suspected = what;
}

/** What to fill into the form: not what is older than 10 minutes. @param {string} now RFC 3339 */
export function toReport(now) {
  const age = suspected ? Date.parse(now) - Date.parse(suspected.at) : Infinity;
  return age < KEPT_MS ? suspected : null;
}
