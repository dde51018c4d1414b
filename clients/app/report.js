/** The form to report a suspicious call. Implements specs/protocol.md section 7.6. */

import { button, h, shape } from "../web/elements.js";
import { inLanguage, say } from "../web/language.js";
import { receiptButtons } from "./receipts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["ReportTaken"]} ReportTaken */

/** @param {Page} page */
export async function reportScreen(page) {
  // Use the bank's clock, since the phone's may be wrong.
  const { at } = await page.client.me.callStatus();
  const key = crypto.randomUUID();
  const kinds = WORDS.reportKinds.map((kind) => ({ kind, box: h("input", { type: "checkbox" }) }));
  const number = field("report-number", WORDS.reportNumber, h("input", { id: "report-number", maxlength: 32, inputmode: "tel" }));
  const code = field("report-code", WORDS.reportCode, h("input", { id: "report-code", maxlength: 32, inputmode: "numeric" }));
  const words = field("report-said", WORDS.reportSaid, h("textarea", { id: "report-said", maxlength: 1000, rows: 3 }));
  const wrong = h("p", { class: "error", role: "alert" });
  const send = async () => {
    // The bank's staff and the police read reports, so they are in zh-CN in any language of the page.
    const chosen = kinds.filter((each) => each.box.checked).map((each) => inLanguage("zh-CN", each.kind));
    const said = [chosen.join("；"), cleaned(words.input.value)].filter(Boolean).join("\n");
    if (!said && !number.input.value.trim() && !code.input.value.trim()) {
      wrong.textContent = say(WORDS.reportEmpty);
      return;
    }
    const report = { at, caller_number: cleaned(number.input.value), code: cleaned(code.input.value), said };
    try {
      const taken = await page.client.reports.send(report, { idempotencyKey: key });
      document.querySelector("#main")?.replaceChildren(thanks(taken));
      document.querySelector("h1")?.focus();
    } catch (error) {
      page.fail(error);
    }
  };
  return h(
    "section",
    { class: "card" },
    h("h1", {}, say(WORDS.reportTitle)),
    h(
      "fieldset",
      {},
      h("legend", {}, say(WORDS.reportWhat)),
      kinds.map(({ kind, box }) => h("label", { class: "choice" }, box, say(kind))),
    ),
    h("details", {}, h("summary", {}, say(WORDS.reportMore)), h("div", { class: "stack" }, number.whole, code.whole, words.whole)),
    wrong,
    button(say(WORDS.reportSend), send, { class: "primary wide" }),
  );
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

/**
 * @template {HTMLInputElement | HTMLTextAreaElement} Input
 * @param {string} id
 * @param {import("../web/language.js").Both} label
 * @param {Input} input
 */
function field(id, label, input) {
  return { input, whole: h("div", {}, h("label", { for: id }, say(label)), input) };
}

/** Remove the control characters that the service refuses. @param {string} typed */
function cleaned(typed) {
  return typed.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "").trim();
}
