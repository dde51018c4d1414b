/** "I did not get this call": a report about a call of the customer's own. Implements specs/protocol.md section 7.6. */

import { button, h } from "../web/elements.js";
import { inLanguage, say } from "../web/language.js";
import { receiptButtons } from "./receipts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["PastCall"]} PastCall */

/** A button that asks once more, and then sends the report. @param {Page} page @param {PastCall} call */
export function missedCall(page, call) {
  const place = h("div", { class: "stack" });
  const key = crypto.randomUUID();
  const send = async () => {
    const report = {
      at: call.connected_at ?? call.issued_at,
      caller_number: call.caller_number,
      // The bank's staff and the police read reports, so they are in zh-CN in any language of the page.
      said: inLanguage("zh-CN", WORDS.missed),
      call_id: call.call_id,
    };
    try {
      const taken = await page.client.reports.send(report, { idempotencyKey: key });
      place.replaceChildren(
        h("p", { role: "status" }, h("strong", {}, say(WORDS.reportTaken)), " ", say(WORDS.reportTakenWhat, { id: taken.report_id })),
        receiptButtons(taken.report_id, taken.receipt, WORDS.reportSave),
      );
    } catch (error) {
      page.fail(error);
    }
  };
  const first = button(say(WORDS.missed), () => {
    place.replaceChildren(
      h("p", {}, say(WORDS.missedWhat)),
      h("div", { class: "actions" }, button(say(WORDS.reportSend), send, { class: "primary" }), button(say(WORDS.missedNot), back)),
    );
    place.querySelector("button")?.focus();
  });
  const back = () => {
    place.replaceChildren(first);
    first.focus();
  };
  place.append(first);
  return place;
}
