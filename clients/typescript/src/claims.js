/**
 * The shapes of the 5 signed statements. Unknown members are allowed. Missing members are not, except a call's `loan`
 * and a ticket's `contact`.
 * Implements specs/protocol.md section 4.
 */

export const TICKET = "call-ticket+jwt";
export const RECEIPT = "call-receipt+jwt";
export const REPORT = "report-receipt+jwt";
export const EXCEPTION = "policy-exception+jwt";
export const HISTORY = "call-history+jwt";

/** @typedef {typeof TICKET | typeof RECEIPT | typeof REPORT | typeof EXCEPTION | typeof HISTORY} Typ */
/** @typedef {{iss: string, jti: string, iat: number, salt: string}} Common */
/** @typedef {{id: string, name: string, branch: string}} Officer */
/** @typedef {{officer: Officer, orig: {tn: string}, dest: {tn: string[]}, purpose: string, asks: string[]}} Subject */
/** The contact that a call goes to. @typedef {{role: string, pseudonym: string}} TicketContact */
/**
 * A ticket has no `contact` if the loan is one person's: the call goes to the borrower.
 * @typedef {Common & Subject & {nbf: number, exp: number, application: string, policy: string,
 *   exceptions: string[], contact?: TicketContact}} CallTicket
 */
/** @typedef {{mode: "required" | "observed" | "off", connected_at: number | null, ended_at: number | null}} Leg */
/** The loan that a call is about, as the customer knows it. @typedef {{product: string, reference: string}} Loan */
/**
 * A receipt of an earlier release has no `loan`.
 * @typedef {Subject & {call_id: string, ticket: string, leg: Leg, loan?: Loan}} ConfirmedCall
 */
/**
 * The members that both receipts share.
 * @typedef {Common & {channel: "app" | "ivr", customer: string, code: string, never_asks: string[]}} AnyReceipt
 */
/**
 * @typedef {AnyReceipt & ({verdict: "genuine", call: ConfirmedCall}
 *   | {verdict: "not_genuine", call: null, code_possible?: boolean}
 *   | {verdict: "ended", call: ConfirmedCall, began: number, ended: number})} Receipt
 */
/** @typedef {Common & {report: string}} ReportReceipt */
/**
 * @typedef {Common & {exp: number, application: string, officer_id: string, granted_by: string, rules: string[],
 *   reason: string}} PolicyException
 */
/**
 * A call in a call history, in its state when the history was signed.
 * @typedef {{call_id: string, ticket: string, officer: Officer, orig: {tn: string}, dest: {tn: string[]},
 *   purpose: string, state: string, issued_at: number, connected_at: number | null, ended_at: number | null}} ListedCall
 */
/**
 * The calls that the bank had with a customer from `from` to `until`: those in `calls`, and no others. `orig` is the
 * caller number that the customer asked about.
 * @typedef {Common & {customer: string, from: number, until: number, orig: {tn: string} | null,
 *   calls: ListedCall[]}} CallHistory
 */
/** @typedef {CallTicket | Receipt | ReportReceipt | PolicyException | CallHistory} Claims */

/** Whether a value has a shape. @typedef {(value: any) => boolean} Shape */

/** @type {Shape} */
const text = (value) => typeof value === "string";
/** @type {Shape} */
const bool = (value) => typeof value === "boolean";
/** @type {Shape} */
const seconds = (value) => Number.isSafeInteger(value) && value >= 0;
/** @type {Shape} */
const nothing = (value) => value === null;

/** @param {Shape} each @returns {Shape} */
const list = (each) => (value) => Array.isArray(value) && value.every(each);

/** @param {string[]} words @returns {Shape} */
const oneOf =
  (...words) =>
  (value) =>
    words.includes(value);

/** @param {Shape[]} shapes @returns {Shape} */
const either =
  (...shapes) =>
  (value) =>
    shapes.some((shape) => shape(value));

/** Object.hasOwn is younger than the browsers that verify receipts. @param {object} value @param {string} name */
const owns = (value, name) => Object.prototype.hasOwnProperty.call(value, name);

/** @param {Record<string, Shape>} members @param {Record<string, Shape>} [optional] may be missing @returns {Shape} */
const object = (members, optional = {}) => (value) =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  // Require own members, so that a prototype cannot supply values that nobody signed.
  Object.entries(members).every(([name, shape]) => owns(value, name) && shape(value[name])) &&
  Object.entries(optional).every(([name, shape]) => !owns(value, name) || shape(value[name]));

/** Whether members that may be missing have their shapes. @param {Record<string, Shape>} members @returns {Shape} */
const optional = (members) => (value) =>
  Object.entries(members).every(([name, shape]) => !owns(value, name) || shape(value[name]));

/** @param {Shape[]} shapes @returns {Shape} */
const all =
  (...shapes) =>
  (value) =>
    shapes.every((shape) => shape(value));

const officer = object({ id: text, name: text, branch: text });
const tel = object({ tn: text });
const tels = object({ tn: list(text) });
const common = { iss: text, jti: text, iat: seconds, salt: text };
const subject = { officer, orig: tel, dest: tels, purpose: text, asks: list(text) };

const maybeSeconds = either(seconds, nothing);

const leg = object({
  mode: oneOf("required", "observed", "off"),
  connected_at: maybeSeconds,
  ended_at: maybeSeconds,
});
const receipt = {
  ...common,
  channel: oneOf("app", "ivr"),
  customer: text,
  code: text,
  never_asks: list(text),
};
const loan = object({ product: text, reference: text });
const confirmed = object({ ...subject, call_id: text, ticket: text, leg }, { loan });

const listed = object({
  call_id: text,
  ticket: text,
  officer,
  orig: tel,
  dest: tels,
  purpose: text,
  state: text,
  issued_at: seconds,
  connected_at: maybeSeconds,
  ended_at: maybeSeconds,
});

/** @type {Map<unknown, Shape>} */
const SHAPES = new Map([
  [
    TICKET,
    object(
      {
        ...common,
        ...subject,
        nbf: seconds,
        exp: seconds,
        application: text,
        policy: text,
        exceptions: list(text),
      },
      { contact: object({ role: text, pseudonym: text }) },
    ),
  ],
  [
    RECEIPT,
    // The protocol has no receipt of a call without that call, and no refusal with one.
    all(
      either(
        object({ ...receipt, verdict: oneOf("genuine"), call: confirmed }),
        object({ ...receipt, verdict: oneOf("not_genuine"), call: nothing }),
        object({ ...receipt, verdict: oneOf("ended"), call: confirmed, began: seconds, ended: seconds }),
      ),
      optional({ began: seconds, ended: seconds, code_possible: bool }),
    ),
  ],
  [REPORT, object({ ...common, report: text })],
  [
    EXCEPTION,
    object({
      ...common,
      exp: seconds,
      application: text,
      officer_id: text,
      granted_by: text,
      rules: list(text),
      reason: text,
    }),
  ],
  [
    HISTORY,
    object({
      ...common,
      customer: text,
      from: seconds,
      until: seconds,
      orig: either(tel, nothing),
      calls: list(listed),
    }),
  ],
]);

/** Return the shape of a `typ`, or undefined for an unknown one. @param {unknown} typ */
export function shapeOf(typ) {
  return SHAPES.get(typ);
}
