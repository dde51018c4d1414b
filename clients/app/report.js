/** The form to report a suspicious call. Implements specs/protocol.md section 7.6. */

import { button, h, shape } from "../web/elements.js";
import { say } from "../web/language.js";
import { reportForm } from "../web/report-form.js";
import { WORDS as SHARED } from "../web/words.js";
import { receiptButtons } from "./receipts.js";
import { suspect, toReport } from "./suspected.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["ReportTaken"]} ReportTaken */

/** @param {Page} page */
export async function reportScreen(page) {
  // Use the bank's clock, since the phone's may be wrong.
  const { at } = await page.client.me.callStatus();
  const key = crypto.randomUUID();
  const suspected = toReport(at);
  const form = reportForm(suspected?.code);
  const wrong = h("p", { class: "error", role: "alert" });
  const send = async () => {
    const said = form.read();
    wrong.textContent = said === null ? say(SHARED.reportEmpty) : "";
    if (said === null) return;
    const report = { at: suspected?.at ?? at, ...said };
    try {
      const taken = await page.client.reports.send(report, { idempotencyKey: key });
      suspect(null);
      const told = thanks(taken);
      card.replaceWith(told);
      told.querySelector("h1")?.focus();
    } catch (error) {
      page.fail(error);
    }
  };
  const card = h(
    "section",
    { class: "card" },
    h("h1", {}, say(WORDS.reportTitle)),
    form.kinds,
    h("details", { open: suspected !== null }, h("summary", {}, say(WORDS.reportMore)), h("div", { class: "stack" }, form.more)),
    wrong,
    button(say(WORDS.reportSend), send, { class: "primary wide" }),
  );
  return card;
}

/** @param {ReportTaken} taken */
function thanks(taken) {
  return h(
    "section",
    { class: "card" },
    shape("check"),
    h("h1", { tabindex: "-1" }, say(WORDS.reportTaken)),
    h("p", {}, say(WORDS.reportTakenWhat, { id: taken.report_id })),
    receiptButtons(taken.report_id, taken.receipt, WORDS.reportSave),
  );
}
