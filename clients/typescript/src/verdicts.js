/**
 * Handing out a verdict so that nothing but the word `genuine` can be taken for it.
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
 * What to do for each verdict in the app. An object is true whatever it says, so no verdict is ever returned bare.
 * `ended` is for a genuine answer that is asked for again after its call: it is not genuine any more.
 * @template T
 * @typedef {object} Handlers
 * @property {(verdict: GenuineVerdict) => T | Promise<T>} genuine
 * @property {(verdict: NotGenuineVerdict) => T | Promise<T>} notGenuine
 * @property {(verdict: EndedVerdict) => T | Promise<T>} ended
 */

/**
 * What to do for each verdict by telephone. `unavailable` says that nothing was checked, and how to get an answer.
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
 * Raise TypeError unless each of these handlers is there. Called before anything is sent: a code that was spent
 * without anybody to tell would be lost.
 * @param {any} handlers
 * @param {string[]} names
 */
export function mustHandle(handlers, names) {
  for (const name of names) {
    if (typeof handlers?.[name] !== "function") throw new TypeError(`there is no handler ${name}`);
  }
}

/**
 * Tell the verdict of a confirmation in the app. Raises CannotCheck when it is not understood.
 * @template T
 * @param {any} answer
 * @param {Handlers<T>} handlers
 * @returns {Promise<T>}
 */
export async function tell(answer, handlers) {
  const evidence = isText(answer.receipt_id) && isText(answer.receipt?.proof) && isSaidBy(answer.receipt, answer);
  if (answer.verdict === "genuine" && evidence && isCall(answer.call)) return handlers.genuine(answer);
  if (answer.verdict === "not_genuine" && evidence && answer.call === null) return handlers.notGenuine(answer);
  if (answer.verdict === "ended" && evidence && isCall(answer.call)) return handlers.ended(answer);
  throw notUnderstood(answer);
}

/**
 * Tell the verdict of a confirmation by telephone. Raises CannotCheck when it is not understood.
 * @template T
 * @param {any} answer
 * @param {SpokenHandlers<T>} handlers
 * @returns {Promise<T>}
 */
export async function tellSpoken(answer, handlers) {
  const spoken = isText(answer.words?.text);
  const evidence = spoken && isText(answer.receipt_id);
  // An IVR that looks at this first must not put a caller through on a refusal.
  const transfers = isText(answer.transfer_to);
  const stays = answer.transfer_to === null;
  if (answer.verdict === "genuine" && evidence && transfers) return handlers.genuine(answer);
  if (answer.verdict === "not_genuine" && evidence && stays) return handlers.notGenuine(answer);
  if (answer.verdict === "ended" && evidence && transfers) return handlers.ended(answer);
  if (answer.verdict === "unavailable" && spoken && answer.receipt_id === null && stays) {
    return handlers.unavailable(answer);
  }
  throw notUnderstood(answer);
}

/** @param {any} call */
function isCall(call) {
  const unseen = call?.leg?.mode === "required" && call.leg.connected_at === null;
  return isText(call?.call_id) && isText(call.officer?.id) && isText(call.officer.name) && isText(call.purpose) && !unseen;
}

/**
 * Whether a receipt states this verdict, under this id and about this call. That of a call which has ended states
 * `genuine`, which was true at its time. The signature is not checked here: that takes a trust file.
 * @param {any} receipt
 * @param {any} answer
 */
function isSaidBy(receipt, answer) {
  try {
    const payload = fromBase64url(receipt.statement.split(".")[1]);
    const said = readJson(payload);
    const sameCall = (said.call?.call_id ?? null) === (answer.call?.call_id ?? null);
    const stated = answer.verdict === "ended" ? "genuine" : answer.verdict;
    return said.verdict === stated && said.jti === answer.receipt_id && sameCall;
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
  const said = JSON.stringify(answer.verdict ?? null).slice(0, 80);
  return new CannotCheck(`the verdict ${said} is not understood, or what belongs to it is missing`);
}
