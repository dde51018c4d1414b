/** The first screen: which customer is present, and why the clerk looks. Implements specs/protocol.md section 7.19. */

import { Problem } from "../typescript/src/client.js";
import { button, h, labelled } from "../web/elements.js";
import { asE164, say } from "../web/language.js";
import { begin, end } from "./present.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */

/** @param {Page} page */
export function findScreen(page) {
  end();
  const reference = h("input", { id: "reference", maxlength: 64, autocomplete: "off", spellcheck: "false" });
  const number = h("input", { id: "number", inputmode: "tel", maxlength: 32, autocomplete: "off" });
  const reasons = h("datalist", { id: "reasons" }, WORDS.reasons.map((each) => h("option", { value: say(each) })));
  const reason = h("input", { id: "reason", maxlength: 200, autocomplete: "off", list: "reasons" });
  const wrong = h("p", { class: "error", role: "alert" });
  const find = async () => {
    const named = whose(reference.value.trim(), number.value);
    const why = reason.value.trim();
    wrong.textContent = typeof named === "string" ? named : why ? "" : say(WORDS.reasonMissing);
    if (typeof named === "string") return (named === say(WORDS.numberWrong) ? number : reference).focus();
    if (!why) return reason.focus();
    const asked = { ...named, reason: why };
    try {
      begin(asked, await page.client.counter.find(asked));
    } catch (error) {
      if (!(error instanceof Problem && error.slug === "not_found")) return page.fail(error);
      // A company's loan leads to one customer by the number of the person who is present, and not by its id.
      const byId = "application_id" in named;
      wrong.textContent = say(byId ? WORDS.notFoundById : WORDS.notFoundByNumber);
      return (byId ? reference : number).focus();
    }
    return page.go("/visit");
  };
  const submit = button(say(WORDS.find), find, { class: "primary" });
  const onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    submit.click();
  };
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.findTitle)),
    h("p", {}, say(WORDS.findWhat)),
    h(
      "form",
      { class: "card", onsubmit },
      labelled(say(WORDS.reference), reference),
      labelled(say(WORDS.number), number),
      labelled(say(WORDS.reason), reason),
      reasons,
      h("p", { class: "small" }, say(WORDS.recorded)),
      wrong,
      submit,
    ),
  );
}

/**
 * The member of the request that names the customer, or what is wrong.
 * @param {string} reference @param {string} typed
 */
function whose(reference, typed) {
  const number = asE164(typed);
  if (number === "") return say(WORDS.numberWrong);
  if ((reference === "") === (number === null)) return say(WORDS.oneOfBoth);
  return number === null ? { application_id: reference } : { number };
}
