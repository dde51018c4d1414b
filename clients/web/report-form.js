/** What a report of a suspicious call says. Implements specs/protocol.md section 7.6. */

import { h, labelled } from "./elements.js";
import { grouped, inLanguage, say } from "./language.js";
import { WORDS } from "./words.js";

/**
 * The fields: `kinds` are the most frequent things, and `more` is the rest. `read` returns what to send, or null if nothing
 * was filled in. `told` returns what was said, in a language.
 * @param {string} [given] the code that the person has checked
 */
export function reportForm(given) {
  const boxes = WORDS.reportKinds.map((kind) => ({ kind, box: h("input", { type: "checkbox" }) }));
  const number = h("input", { id: "report-number", maxlength: 32, inputmode: "tel", autocomplete: "off" });
  const code = h("input", { id: "report-code", maxlength: 32, inputmode: "numeric", autocomplete: "off", value: given && grouped(given) });
  const words = h("textarea", { id: "report-said", maxlength: 1000, rows: 3 });
  const kinds = h(
    "fieldset",
    {},
    h("legend", {}, say(WORDS.reportWhat)),
    boxes.map(({ kind, box }) => h("label", { class: "choice" }, box, say(kind))),
  );
  const more = [
    labelled(say(WORDS.reportNumber), number),
    labelled(say(WORDS.reportCode), code),
    labelled(say(WORDS.reportSaid), words),
  ];
  const told = (/** @type {import("./language.js").Language} */ language) => {
    const chosen = boxes.filter((each) => each.box.checked).map((each) => inLanguage(language, each.kind));
    return [chosen.join(language === "en" ? "; " : "；"), cleaned(words.value)].filter(Boolean).join("\n");
  };
  const read = () => {
    // The bank's staff and the police read reports, so they are in zh-CN in any language of the page.
    const report = { caller_number: cleaned(number.value), code: cleaned(code.value), said: told("zh-CN") };
    return Object.values(report).some(Boolean) ? report : null;
  };
  return { kinds, more, read, told };
}

/** Remove the control characters that the service refuses. @param {string} typed */
function cleaned(typed) {
  return typed.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "").trim();
}
