/**
 * Shows a verified receipt as a letter of the bank: on the page that checks receipts, in the app, and on paper.
 * It speaks of the moment of the receipt, and never has the look of a live verdict.
 * Implements specs/protocol.md section 8.6.
 */

import { HISTORY, REPORT } from "../typescript/src/claims.js";
import { h } from "../web/elements.js";
import { dateTimeAndZone, language, phone, say } from "../web/language.js";
import { WORDS } from "./letter_words.js";

/** @typedef {import("../web/language.js").Both} Both */
/** @typedef {import("../typescript/src/claims.js").Receipt} Receipt */
/** @typedef {import("../typescript/src/claims.js").CallHistory} CallHistory */
/** @typedef {import("../typescript/src/claims.js").ListedCall} ListedCall */
/** @typedef {import("../typescript/src/receipts.js").Checked} Checked */
/** @typedef {[Both, Node | string]} Fact */
/**
 * The names of the bank, its number, and its words for purposes and items.
 * @typedef {{bank_name: string, published_numbers: string[], purposes: Record<string, Both>, items: Record<string, Both>}} Facts
 */
/**
 * @typedef {{kind: "verdict" | "report" | "history", result: string, what: string[], facts: Fact[], lists: Node[],
 *   provesNot: Both[], fresh?: boolean}} Body
 */

const { what: WHAT, results: RESULTS, provesNotItems: NOT } = WORDS;

/**
 * @param {Checked} checked
 * @param {Facts} facts
 * @param {readonly Node[]} [symbols] the QR codes of the receipt. Without them, the paper says that the file is needed.
 */
export function letter({ typ, claims, checkpoint }, facts, symbols = []) {
  const body = bodyOf(typ, claims, facts);
  const [number] = facts.published_numbers;
  const time = timeOf(claims.iat);
  return h(
    "article",
    { class: "letter", lang: language() },
    h("header", { class: "letterhead" }, h("b", {}, facts.bank_name), h("span", { class: "small" }, say(WORDS.number, { id: claims.jti }))),
    h("h2", {}, say(WORDS.kinds[body.kind])),
    h("p", { class: "result" }, h("span", {}, say(WORDS.result)), h("b", {}, body.result)),
    body.what.map((each) => h("p", {}, each)),
    body.facts.length > 0 && h("dl", {}, body.facts.map(([name, value]) => [h("dt", {}, say(name)), h("dd", {}, value)])),
    body.lists,
    h(
      "div",
      { class: "proof" },
      section(WORDS.proves, [WORDS.provesItems[body.kind], WORDS.provesItems.signed]),
      section(WORDS.provesNot, body.provesNot),
    ),
    h(
      "section",
      {},
      h("h3", {}, say(WORDS.keeping)),
      body.fresh && h("p", { class: "fresh" }, say(WORDS.keepingFresh)),
      h("p", {}, say(WORDS.keepingWhat)),
      number && h("p", {}, say(WORDS.question, { number: phone(number) })),
    ),
    h(
      "section",
      { class: "evidence small" },
      symbols.length > 0 && h("div", { class: "symbols" }, symbols),
      h(
        "div",
        {},
        symbols.length > 0 ? h("p", {}, say(WORDS.paper)) : h("p", { class: "on-paper" }, say(WORDS.file)),
        h("p", {}, say(WORDS.technical, { origin: checkpoint.origin, size: checkpoint.size, time })),
      ),
    ),
  );
}

/** The result that a receipt records, in words. @param {Checked} checked @param {Facts} facts */
export function resultOf({ typ, claims }, facts) {
  return bodyOf(typ, claims, facts).result;
}

/** @param {Checked["typ"]} typ @param {Checked["claims"]} claims @param {Facts} facts @returns {Body} */
function bodyOf(typ, claims, facts) {
  if (typ === HISTORY) return ofHistory(/** @type {CallHistory} */ (claims), facts);
  if (typ !== REPORT) return ofVerdict(/** @type {Receipt} */ (claims), facts);
  return {
    kind: "report",
    result: say(RESULTS.report),
    what: [say(WHAT.report, { time: timeOf(claims.iat) })],
    facts: [],
    lists: [],
    provesNot: [NOT.words, NOT.holder],
  };
}

/** @param {Receipt} receipt @param {Facts} facts @returns {Body} */
function ofVerdict(receipt, facts) {
  const given = { time: timeOf(receipt.iat), channel: say(WORDS.channels[receipt.channel]) };
  const never = paragraph(WORDS.never, receipt.never_asks, facts);
  const kind = /** @type {const} */ ("verdict");
  const result = say(RESULTS[receipt.verdict]);
  if (receipt.verdict === "not_genuine") {
    const what = [say(WHAT.not_genuine, given), ...(receipt.code_possible === false ? [say(WHAT.impossible)] : [])];
    return { kind, result, what, facts: [], lists: [never], provesNot: [NOT.caller, NOT.now, NOT.holder], fresh: true };
  }
  /** @type {Record<string, string>} */
  const over = receipt.verdict === "ended" ? { began: timeOf(receipt.began), over: timeOf(receipt.ended) } : {};
  return {
    kind,
    result,
    what: [say(WHAT[receipt.verdict], { ...given, ...over })],
    facts: factsOf(receipt.call, facts),
    lists: [...(receipt.call.asks.length > 0 ? [paragraph(WORDS.asks, receipt.call.asks, facts)] : []), never],
    provesNot: [NOT.now, NOT.talk, NOT.rights, NOT.holder],
  };
}

/**
 * Only what the receipt holds: an earlier release has no loan, and some people must not know the purpose.
 * @param {import("../typescript/src/claims.js").ConfirmedCall} call @param {Facts} facts @returns {Fact[]}
 */
function factsOf(call, facts) {
  const { officer, loan, purpose } = call;
  const connected = call.leg.connected_at;
  /** @type {(Fact | false | undefined)[]} */
  const found = [
    [WORDS.officer, say(WORDS.officerLine, { ...officer })],
    purpose !== "" && [WORDS.purpose, purposeOf(purpose, facts)],
    loan && [WORDS.loan, say(WORDS.loanLine, { ...loan })],
    ...numbersOf(call),
    [WORDS.connected, connected === null ? say(WORDS.notSeen) : timeOf(connected)],
    [WORDS.callId, h("span", { class: "small" }, call.call_id)],
  ];
  return /** @type {Fact[]} */ (found.filter(Boolean));
}

/** @param {CallHistory} history @param {Facts} facts @returns {Body} */
function ofHistory(history, facts) {
  const { calls, orig } = history;
  const given = { time: timeOf(history.iat), from: timeOf(history.from), until: timeOf(history.until) };
  return {
    kind: "history",
    result: calls.length > 0 ? say(RESULTS.calls, { count: calls.length }) : say(RESULTS.noCalls),
    what: [say(calls.length > 0 ? WHAT.history : WHAT.historyNone, given)],
    facts: orig ? [[WORDS.askedFrom, number(orig.tn)]] : [],
    lists: calls.length > 0 ? [h("section", {}, h("h3", {}, say(WORDS.calls)), h("ol", {}, calls.map((each) => entry(each, facts))))] : [],
    provesNot: [NOT.others, NOT.now, NOT.talk, NOT.holder],
  };
}

/** @param {ListedCall} call @param {Facts} facts */
function entry(call, facts) {
  const state = /** @type {Record<string, Both>} */ (WORDS.states)[call.state];
  const times = [
    say(WORDS.issued, { time: timeOf(call.issued_at) }),
    call.connected_at === null ? say(WORDS.notConnected) : say(WORDS.connectedAt, { time: timeOf(call.connected_at) }),
    call.ended_at !== null && say(WORDS.endedAt, { time: timeOf(call.ended_at) }),
  ];
  return h(
    "li",
    {},
    h("p", {}, h("b", {}, say(WORDS.officerLine, { ...call.officer })), call.purpose !== "" && ` · ${purposeOf(call.purpose, facts)}`),
    h("p", { class: "small" }, numbersOf(call).map(([name, value]) => [`${say(name)} `, value, " · "]), state ? say(state) : call.state),
    h("p", { class: "small" }, times.filter(Boolean).join(" · ")),
  );
}

/**
 * The numbers of a call. That of a call to another contact is withheld from who must not know it (CVP-3.3-7).
 * @param {{orig: {tn: string}, dest: {tn: string[]}}} call @returns {Fact[]}
 */
function numbersOf({ orig, dest }) {
  const to = dest.tn[0];
  return [
    [WORDS.orig, number(orig.tn)],
    [WORDS.dest, to === undefined ? say(WORDS.withheld) : number(to)],
  ];
}

/** @param {string} digits as RFC 8225 has them, without a plus sign */
function number(digits) {
  return h("span", { class: "number" }, phone(`+${digits}`));
}

/** @param {Both} title @param {readonly Both[]} items */
function section(title, items) {
  return h("section", {}, h("h3", {}, say(title)), h("ul", {}, items.map((each) => h("li", {}, say(each)))));
}

/** What a call may ask for, or never does. @param {Both} title @param {readonly string[]} asked @param {Facts} facts */
function paragraph(title, asked, facts) {
  const words = asked.map((each) => facts.items[each]?.[language()] ?? each);
  return h("section", {}, h("h3", {}, say(title)), h("p", {}, words.join(say(WORDS.itemComma))));
}

/** @param {string} purpose @param {Facts} facts */
function purposeOf(purpose, facts) {
  const known = facts.purposes[purpose];
  return known ? say(known) : purpose;
}

/** @param {number} seconds since 1970. A valid receipt may have a time that no calendar has. */
function timeOf(seconds) {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : dateTimeAndZone(time.toISOString(), language());
}
