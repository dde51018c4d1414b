/** Saves and shares receipts as files that verify without the bank. Implements specs/protocol.md section 8. */

import { announce, button, h } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS } from "./words.js";

/** @typedef {{statement: string, proof: string}} Evidence */

/**
 * Buttons to save a receipt, and to share it if the phone can share files.
 * @param {string} id
 * @param {Evidence} evidence
 * @param {import("../web/language.js").Both} [label]
 */
export function receiptButtons(id, evidence, label = WORDS.save) {
  const file = new File([JSON.stringify(evidence, null, 2) + "\n"], `${id}.receipt.json`, { type: "application/json" });
  const canShare = navigator.canShare?.({ files: [file] }) ?? false;
  return h(
    "div",
    { class: "actions" },
    button(say(label), () => save(file)),
    canShare && button(say(WORDS.share), () => share(file)),
  );
}

/**
 * Fetch a receipt and save it.
 * @param {import("../web/page.js").Page} page
 * @param {string} id
 */
export async function fetchAndSave(page, id) {
  const { receipt } = await page.client.receipts.get(id);
  save(new File([JSON.stringify(receipt, null, 2) + "\n"], `${id}.receipt.json`, { type: "application/json" }));
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
