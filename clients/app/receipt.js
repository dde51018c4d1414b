/** The customer's receipts: a list of all, and each as a letter. Implements specs/protocol.md sections 7.5 and 8.6. */

import { button, h } from "../web/elements.js";
import { dayAndTime, language, say } from "../web/language.js";
import { showMore } from "../web/paging.js";
import { symbolsOf } from "../web/symbols.js";
import { WORDS as SHARED } from "../web/words.js";
import { WORDS } from "./receipt_words.js";
import { fileButtons, receiptLink } from "./receipts.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["ListedReceipt"]} ListedReceipt */

/** @param {Page} page @param {AbortSignal} signal */
export async function receiptsScreen(page, signal) {
  const list = h("ol", { class: "plain stack" });
  const more = h("div", { class: "actions" });
  /** @param {string} [cursor] */
  const load = async (cursor) => {
    const found = await page.client.me.receipts({ limit: 20, ...(cursor && { cursor }) }, { signal });
    list.append(...found.receipts.map((each) => h("li", { class: "card stack" }, entry(each))));
    showMore(more, list, found.next_cursor, load, page);
  };
  await load();
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.title)),
    h("p", { class: "small" }, say(WORDS.why)),
    list.children.length ? list : h("p", { class: "card" }, say(WORDS.none)),
    more,
  );
}

/** @param {ListedReceipt} receipt */
function entry({ receipt_id, at, kind, verdict, officer }) {
  return [
    h("h2", {}, `${dayAndTime(at)} · ${say(WORDS.kinds[kind])}`),
    verdict && h("p", {}, say(WORDS.verdicts[verdict])),
    officer && h("p", { class: "small" }, say(SHARED.officerLine, { ...officer })),
    h("p", {}, receiptLink(receipt_id)),
  ];
}

/**
 * One receipt as a letter with its QR codes. The browser verifies it as anybody else would, and shows no letter of a
 * receipt that does not verify.
 * @param {Page} page @param {AbortSignal} signal @param {string} id
 */
export async function receiptScreen(page, signal, id) {
  const [{ verified }, { letter }, { receipt }, trust] = await Promise.all([
    import("../receipts/checking.js"),
    import("../receipts/letter.js"),
    page.client.receipts.get(id, { signal }),
    page.client.description({ signal }),
  ]);
  const { statement, proof } = receipt;
  const [outcome, drawn] = await Promise.all([
    // The description says of `jwks` only that it is an object; the verifier checks its members.
    verified({ statement, proof }, /** @type {import("../typescript/src/receipts.js").Trust} */ (/** @type {unknown} */ (trust))),
    page.client.receipts.draw({ statement, proof }, { signal }),
  ]);
  if ("fault" in outcome) throw new TypeError(`the service's own receipt is ${outcome.fault}`);
  return h(
    "div",
    { class: "stack" },
    h("h1", { class: "on-screen" }, say(WORDS.one)),
    h("div", { class: "actions" }, button(say(WORDS.print), () => globalThis.print(), { class: "primary" }), fileButtons(id, receipt)),
    letter(outcome.checked, page.facts, symbolsOf(drawn.symbols, language())),
    h("p", { class: "actions" }, h("a", { class: "button", href: "#/receipts" }, say(WORDS.all))),
  );
}
