/**
 * Passes verdicts to handlers, so that no program can mistake another answer for `genuine`.
 * Implements specs/protocol.md sections 7 and 13 (law L6).
 */

import { CannotCheck } from "./errors.js";
import { readJson } from "./ijson.js";
import { fromBase64url } from "./octets.js";

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */
/** @typedef {Schemas["Verdict"] & {verdict: "genuine", call: Schemas["CallDetails"]}} GenuineVerdict */
/** @typedef {Schemas["Verdict"] & {verdict: "not_genuine", call: null}} NotGenuineVerdict */
/** @typedef {Schemas["Verdict"] & {verdict: "ended", call: Schemas["CallDetails"]}} EndedVerdict */

/**
 * A handler for each verdict in the app. Every object is truthy, so a verdict is never returned as a value. `ended` is
 * for the code of a call that is over: it says nothing of the person on the phone now.
 * @template T
 * @typedef {object} Handlers
 * @property {(verdict: GenuineVerdict) => T | Promise<T>} genuine
 * @property {(verdict: NotGenuineVerdict) => T | Promise<T>} notGenuine
 * @property {(verdict: EndedVerdict) => T | Promise<T>} ended
 */

/**
 * A handler for each verdict by telephone. `unavailable` means that nothing was checked. Its words say how to get an
 * answer.
 * @template T
 * @typedef {object} SpokenHandlers
 * @property {(verdict: Schemas["SpokenVerdict"] & {verdict: "genuine"}) => T | Promise<T>} genuine
 * @property {(verdict: Schemas["SpokenVerdict"] & {verdict: "not_genuine"}) => T | Promise<T>} notGenuine
 * @property {(verdict: Schemas["SpokenVerdict"] & {verdict: "ended"}) => T | Promise<T>} ended
 * @property {(verdict: Schemas["SpokenVerdict"] & {verdict: "unavailable"}) => T | Promise<T>} unavailable
 */

export const HANDLERS = ["genuine", "notGenuine", "ended"];
export const SPOKEN_HANDLERS = [...HANDLERS, "unavailable"];

/**
 * Raise TypeError unless all of these handlers exist. This is checked before sending, since the service accepts a code
 * only once, and a verdict without a handler would be lost.
 * @param {any} handlers
 * @param {string[]} names
 */
export function mustHaveHandlers(handlers, names) {
  for (const name of names) {
    if (typeof handlers?.[name] !== "function") throw new TypeError(`the handler ${name} is missing`);
  }
}

/**
 * Pass the verdict of a confirmation in the app to its handler. Raises CannotCheck for an answer it does not
 * understand.
 * @template T
 * @param {any} answer
 * @param {Handlers<T>} handlers
 * @returns {Promise<T>}
 */
export async function callHandler(answer, handlers) {
  const evidence = isText(answer.receipt_id) && isText(answer.receipt?.proof) && receiptAgrees(answer.receipt, answer);
  if (answer.verdict === "genuine" && evidence && isCall(answer.call)) return handlers.genuine(answer);
  if (answer.verdict === "not_genuine" && evidence && answer.call === null) return handlers.notGenuine(answer);
  if (answer.verdict === "ended" && evidence && isCall(answer.call)) return handlers.ended(answer);
  throw notUnderstood(answer);
}

/**
 * Pass the verdict of a confirmation by telephone to its handler. Raises CannotCheck for an answer it does not
 * understand.
 * @template T
 * @param {any} answer
 * @param {SpokenHandlers<T>} handlers
 * @returns {Promise<T>}
 */
export async function callSpokenHandler(answer, handlers) {
  const spoken = isText(answer.words?.text);
  const evidence = spoken && isText(answer.receipt_id);
  // An IVR may look at `transfer_to` alone, so it must be null for a refusal.
  const transfers = isText(answer.transfer_to);
  const stays = answer.transfer_to === null;
  if (answer.verdict === "genuine" && evidence && transfers) return handlers.genuine(answer);
  if (answer.verdict === "not_genuine" && evidence && stays) return handlers.notGenuine(answer);
  if (answer.verdict === "ended" && evidence && (transfers || stays)) return handlers.ended(answer);
  if (answer.verdict === "unavailable" && spoken && answer.receipt_id === null && stays) {
    return handlers.unavailable(answer);
  }
  throw notUnderstood(answer);
}

/** @param {any} call */
function isCall(call) {
  const unseen = call?.leg?.mode === "required" && call.leg.connected_at === null;
  // A contact without the right to details learns neither purpose nor number of a call to another contact.
  const shown = [call?.purpose, call?.number].every((each) => isText(each) || (each === null && isCalled(call.called)));
  const called = call?.called === undefined || call.called === null || isCalled(call.called);
  return isText(call?.call_id) && isText(call.officer?.id) && isText(call.officer.name) && shown && called && !unseen;
}

/** Whether a call names the contact whom the bank called. @param {any} called */
function isCalled(called) {
  return isText(called?.role) && (called.name === null || isText(called.name));
}

/**
 * Whether a receipt has the verdict, id and call of the answer. The receipt of an ended call may say `genuine`, if that
 * was true when the code was entered. The signature is not verified, since that needs a trust file.
 * @param {any} receipt
 * @param {any} answer
 */
function receiptAgrees(receipt, answer) {
  try {
    const payload = fromBase64url(receipt.statement.split(".")[1]);
    const claims = readJson(payload);
    const sameCall = (claims.call?.call_id ?? null) === (answer.call?.call_id ?? null);
    const stated = answer.verdict === "ended" ? ["genuine", "ended"] : [answer.verdict];
    // Only the code of a call that was over says when the call began.
    const past = (claims.verdict === "ended") === (isText(answer.call?.began_at) && isText(answer.call?.ended_at));
    return past && stated.includes(claims.verdict) && claims.jti === answer.receipt_id && sameCall;
  } catch {
    return false;
  }
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === "string" && value !== "";
}

/** @param {any} answer */
function notUnderstood(answer) {
  const verdict = JSON.stringify(answer.verdict ?? null).slice(0, 80);
  return new CannotCheck(`the verdict ${verdict} is unknown, or does not agree with the rest of the answer`);
}
