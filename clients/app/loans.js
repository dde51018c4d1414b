/**
 * The customer's loans: their stage, the officers who may phone, and announced calls. They can refuse marketing calls,
 * and see who looked at their data.
 * Implements specs/protocol.md section 7.5.
 */

import { announce, h } from "../web/elements.js";
import { dayAndTime, say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { lookedSection } from "./looked.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["MyApplication"]} MyApplication */

const STAGES = /** @type {const} */ (["received", "documents", "review", "approved", "disbursed"]);

/** @param {Page} page @param {AbortSignal} signal */
export async function loansScreen(page, signal) {
  const [{ applications }, preferences] = await Promise.all([
    page.client.me.applications({ signal }),
    page.client.me.preferences({ signal }),
  ]);
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.loansTitle)),
    applications.length
      ? applications.map((each) => h("section", { class: "card" }, loan(page, each)))
      : h("p", { class: "card" }, say(WORDS.noLoans)),
    h("section", { class: "card" }, refusal(page, preferences.marketing_calls)),
    lookedSection(page, signal),
  );
}

/** @param {Page} page @param {MyApplication} application */
function loan(page, application) {
  return [
    heading(application),
    application.status === "open" ? progress(application.stage) : h("p", { class: "badge" }, say(WORDS[application.status])),
    application.announced_calls.length > 0 && announcedCalls(page, application),
    h("h3", {}, say(WORDS.mayCall)),
    h(
      "ul",
      {},
      application.officers.map((each) => h("li", {}, say(SHARED.officerLine, each))),
    ),
  ];
}

/** A loan of a company, or of another person, is named by its borrower. @param {MyApplication} application */
function heading({ borrower, product, reference }) {
  if (!borrower) return h("h2", {}, product, " ", h("span", { class: "small" }, reference));
  return h("div", {}, h("h2", {}, borrower), h("p", { class: "small" }, `${product} · ${reference}`));
}

/** @param {MyApplication["stage"]} stage */
function progress(stage) {
  if (stage === "declined") return h("p", { class: "badge doubt" }, say(WORDS.stages.declined));
  const reached = STAGES.indexOf(stage);
  return h(
    "ol",
    { class: "progress" },
    STAGES.map((each, position) =>
      h("li", { class: position <= reached ? "reached" : "", "aria-current": position === reached && "step" }, say(WORDS.stages[each])),
    ),
  );
}

/** @param {Page} page @param {MyApplication} application */
function announcedCalls(page, application) {
  const lines = application.announced_calls.map((each) => {
    const purpose = page.facts.purposes[each.purpose];
    return h(
      "li",
      {},
      say(WORDS.announcedWhat, {
        purpose: purpose ? say(purpose) : each.purpose,
        from: dayAndTime(each.not_before),
        to: dayAndTime(each.not_after),
      }),
    );
  });
  return [h("h3", {}, say(WORDS.announced)), h("ul", {}, lines), h("p", { class: "small" }, say(WORDS.announcedNote))];
}

/** @param {Page} page @param {boolean} allowed */
function refusal(page, allowed) {
  const box = h("input", { type: "checkbox", role: "switch", id: "marketing", checked: !allowed });
  box.addEventListener("change", async () => {
    const wanted = box.checked;
    box.disabled = true;
    try {
      await page.client.me.putPreferences({ marketing_calls: !wanted });
      announce(say(WORDS.kept));
      box.disabled = false;
      box.focus();
    } catch (error) {
      // Show the setting that is in force.
      box.checked = !wanted;
      page.fail(error);
    }
  });
  return [
    h("label", { class: "choice", for: "marketing" }, box, h("b", {}, say(WORDS.marketing))),
    h("p", { class: "small" }, say(WORDS.marketingWhat)),
  ];
}
