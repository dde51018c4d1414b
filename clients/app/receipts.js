/** Saves and shares receipts as files that verify without the bank. Implements specs/protocol.md section 8. */

import { announce, button, h } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS as RECEIPT } from "./receipt_words.js";
import { WORDS } from "./words.js";

/** @typedef {{statement: string, proof: string}} Evidence */

/**
 * Buttons to save a receipt, to share it if the phone can share files, and to read it.
 * @param {string} id
 * @param {Evidence} evidence
 * @param {import("../web/language.js").Both} [label]
 */
export function receiptButtons(id, evidence, label = WORDS.save) {
  return h("div", { class: "actions" }, fileButtons(id, evidence, label), receiptLink(id));
}

/** A link to the letter of a receipt. @param {string} id */
export function receiptLink(id) {
  return h("a", { class: "button", href: `#/receipt/${id}` }, say(RECEIPT.read));
}

/** @param {string} id @param {Evidence} evidence @param {import("../web/language.js").Both} [label] */
export function fileButtons(id, evidence, label = WORDS.save) {
  const file = new File([JSON.stringify(evidence, null, 2) + "\n"], `${id}.receipt.json`, { type: "application/json" });
  const canShare = navigator.canShare?.({ files: [file] }) ?? false;
  return [button(say(label), () => save(file)), canShare && button(say(WORDS.share), () => share(file))];
}

/** @param {File} file */
function save(file) {
  const address = URL.createObjectURL(file);
  h("a", { href: address, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  announce(say(WORDS.saved));
}

/** @param {File} file */
async function share(file) {
  try {
    await navigator.share({ files: [file] });
  } catch (error) {
    // Closing the share sheet is not an error.
    if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
  }
}
