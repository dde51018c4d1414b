/**
 * The screen of an application: choose a number and a purpose, and issue a call.
 * Implements specs/protocol.md sections 4.2 and 4.3.
 */

import { InsufficientUserAuthentication, Problem, borrowerOf, peopleOf } from "../typescript/src/client.js";
import { button, h, shape } from "../web/elements.js";
import { recall, remember } from "../web/kept.js";
import { clockTime, dayAndTime, phone, say } from "../web/language.js";
import { contactChoices, numberLabel } from "./contacts.js";
import { WORDS as DAY } from "./day_words.js";
import { requestForm } from "./exceptions.js";
import { foreseen, policyLine, refusedNow } from "./limits.js";
import { goToNext, markOpened, nextButton } from "./line.js";
import { keyMark, useKeys } from "./shortcuts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]} Schemas */

const CALLER_NUMBER = "caller-number";
const CHOSEN = "chosen";

/** @param {Page} page @param {AbortSignal} signal @param {string} applicationId */
export async function prepareScreen(page, signal, applicationId) {
  markOpened(applicationId);
  const [view, { requests }] = await Promise.all([
    page.client.applications.get(applicationId, { signal }),
    page.client.exceptions.list({ signal }),
  ]);
  const granted = requests.find((each) => each.application_id === applicationId && each.state === "granted");
  const { registration, purposes: judged = [] } = view;
  const offered = judged.filter((each) => !each.refusals?.length);
  const borrower = borrowerOf(registration);
  const announced = registration.announced_calls?.[0]?.purpose;
  const before = chosenBefore(applicationId);

  const onFile = peopleOf(registration).flatMap((each) => each.numbers);
  const lifted = granted?.rules ?? [];
  const free = onFile.find((each) => refusedNow(view, each.number, lifted).length === 0);
  const chosen = before ? onFile[before.number]?.number : (granted?.number ?? free?.number);
  const numbers = registration.contacts
    ? contactChoices(page, signal, view, chosen)
    : choices("number", WORDS.number, onFile.map(({ number }) => ({ value: number, label: [numberLabel(view, number)] })), chosen);
  const purposes = choices(
    "purpose",
    WORDS.purpose,
    offered.map(({ purpose }) => ({ value: purpose, label: [purposeName(page, purpose)] })),
    before?.purpose ?? granted?.purpose ?? announced,
  );
  const caller = callerNumber(page);
  const warning = h("div", { class: "stack", role: "status" });
  const warn = () => warning.replaceChildren(...foreseen(view, numbers.value(), lifted));
  numbers.whole.addEventListener("change", warn);
  if (offered.length > 0) warn();
  const trouble = h("div", { class: "stack", role: "alert" });
  const key = crypto.randomUUID();

  const issue = async () => {
    remember(CALLER_NUMBER, caller.value());
    trouble.replaceChildren();
    const asked = /** @type {Schemas["IssueCall"]} */ ({
      purpose: purposes.value(),
      number: numbers.value(),
      caller_number: caller.value(),
      ...(granted?.exception_id && { exception_id: granted.exception_id }),
    });
    try {
      const { call } = await page.client.calls.issue(applicationId, asked, { idempotencyKey: `${key}-${asked.number}-${asked.purpose}` });
      page.go(`/call/${call.call_id}`);
    } catch (error) {
      if (!(error instanceof Problem)) return page.fail(error);
      if (error.slug === "policy_refused") trouble.replaceChildren(refused(page, applicationId, asked, error));
      else if (error.slug === "call_open") trouble.replaceChildren(openElsewhere(view));
      else {
        if (error instanceof InsufficientUserAuthentication) {
          const number = onFile.findIndex((each) => each.number === asked.number);
          remember(CHOSEN, JSON.stringify({ applicationId, number, purpose: asked.purpose }), () => sessionStorage);
        }
        page.fail(error);
      }
      // The refusal below says the same, and more.
      warning.replaceChildren();
      trouble.scrollIntoView({ block: "nearest" });
    }
  };
  const getCode = button([say(WORDS.getCode), keyMark("g")], issue, { class: "primary" });
  useKeys(signal, [
    { key: "n", words: DAY.keyNext, act: () => goToNext(page, applicationId) },
    ...(offered.length > 0 ? [{ key: "g", words: DAY.keyGet, act: () => getCode.click() }] : []),
  ]);
  return h(
    "div",
    { class: "stack" },
    h("p", {}, h("a", { href: "#/" }, `← ${say(WORDS.applications)}`)),
    h("h1", {}, borrower.name),
    h("p", { class: "small" }, facts(view).filter(Boolean).join(" · ")),
    statusLine(registration),
    granted && approved(granted),
    h(
      "section",
      { class: "card stack" },
      offered.length > 0 ? [numbers.whole, warning, purposes.whole] : h("p", {}, say(WORDS.noPurpose)),
      whyNot(page, judged),
      offered.length > 0 && [caller.whole, getCode],
      trouble,
      policyLine(view),
    ),
    nextButton(page, applicationId),
  );
}

/** @param {Schemas["ApplicationView"]} view */
function facts({ application_id, registration }) {
  const { contacts, product, reference } = registration;
  const [first] = peopleOf(registration);
  const who = contacts ? WORDS.borrowers[borrowerOf(registration).kind] : WORDS.languages[first?.language ?? "zh-CN"];
  return [contacts && say(who), product, reference, application_id, !contacts && say(who)];
}

/** @param {Page} page @param {string} purpose */
function purposeName(page, purpose) {
  const name = page.facts.purposes[purpose];
  return name ? say(name) : purpose;
}

/** An enquiry or a closed application. @param {Schemas["Registration"]} registration */
function statusLine({ status, closed_at }) {
  if (!status || status === "open") return undefined;
  const words = closed_at ? say(WORDS.closedSince, { date: dayAndTime(closed_at) }) : say(WORDS.statuses[status]);
  return h("p", {}, h("span", { class: "badge doubt" }, words));
}

/** The purposes that are not offered, and why. @param {Page} page @param {Schemas["CallPurpose"][]} judged */
function whyNot(page, judged) {
  const refusedNow = judged.filter((each) => each.refusals?.length);
  if (!refusedNow.length) return undefined;
  const reasons = refusedNow.map(({ purpose, refusals = [] }) => {
    const names = refusals.map(({ rule, detail }) => (WORDS.rules[rule] ? say(WORDS.rules[rule].name) : detail));
    return h("li", {}, h("b", {}, purposeName(page, purpose)), "　", names.join("；"));
  });
  return h("details", {}, h("summary", {}, say(WORDS.otherPurposes)), h("ul", {}, reasons));
}

/**
 * Return what was chosen before the officer had to sign in again, which leaves this page. The number is kept by its
 * place, so that no number is stored.
 * @param {string} applicationId
 * @returns {{number: number, purpose: string} | null}
 */
function chosenBefore(applicationId) {
  const chosen = JSON.parse(recall(CHOSEN, () => sessionStorage) ?? "null");
  remember(CHOSEN, null, () => sessionStorage);
  return chosen?.applicationId === applicationId ? chosen : null;
}

/**
 * Radio buttons. The first is chosen by default.
 * @param {string} name
 * @param {import("../web/language.js").Both} legend
 * @param {{value: string, label: import("../web/elements.js").Leaf[]}[]} options
 * @param {string} [chosen]
 */
function choices(name, legend, options, chosen) {
  const first = options.some((each) => each.value === chosen) ? chosen : options[0]?.value;
  const inputs = options.map(({ value }) => h("input", { type: "radio", name, value, checked: value === first }));
  const labels = options.map(({ label }, position) => h("label", { class: "choice" }, inputs[position], label));
  return {
    whole: h("fieldset", { class: "choices" }, h("legend", {}, say(legend)), labels),
    value: () => inputs.find((each) => each.checked)?.value ?? "",
  };
}

/** The caller number: a choice of the bank's numbers, or a text field if it lists none. @param {Page} page */
function callerNumber(page) {
  const last = recall(CALLER_NUMBER) ?? "";
  const listed = page.facts.caller_numbers;
  const input = listed.length
    ? h("select", { id: "caller" }, listed.map((each) => h("option", { value: each, selected: each === last }, phone(each))))
    : h("input", { id: "caller", inputmode: "tel", value: last, placeholder: "+861082345678" });
  return {
    whole: h("div", {}, h("label", { for: "caller" }, say(WORDS.callerNumber)), input),
    value: () => input.value.replace(/[\s()-]/g, ""),
  };
}

/** @param {Schemas["ExceptionRequest"]} granted */
function approved(granted) {
  const rules = granted.rules.map((each) => say(WORDS.rules[each]?.name ?? WORDS.otherRule)).join("、");
  return h(
    "div",
    { class: "told good" },
    shape("check"),
    h("p", {}, say(WORDS.approved, { rules, time: clockTime(granted.expires_at) })),
  );
}

/** @param {Schemas["ApplicationView"]} view */
function openElsewhere(view) {
  const mine = view.open_call_id;
  return h(
    "div",
    { class: "told doubt" },
    shape("warning"),
    h("div", {}, h("p", {}, say(WORDS.callOpen)), mine && h("a", { href: `#/call/${mine}` }, say(WORDS.toOpenCall))),
  );
}

/**
 * List every broken rule, and say what to do about it.
 * @param {Page} page
 * @param {string} applicationId
 * @param {Schemas["IssueCall"]} asked
 * @param {Problem} error
 */
function refused(page, applicationId, asked, error) {
  const liftable = error.refusals.filter((each) => each.exception).map((each) => each.rule);
  const onlyLiftable = liftable.length === error.refusals.length;
  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "told bad" },
      shape("stop"),
      h(
        "div",
        {},
        h("h2", {}, say(WORDS.refused)),
        h(
          "ul",
          {},
          error.refusals.map(({ rule }) => {
            const words = WORDS.rules[rule];
            return h("li", {}, h("b", {}, say(words?.name ?? WORDS.otherRule)), "　", words ? say(words.what) : rule);
          }),
        ),
      ),
    ),
    onlyLiftable && requestForm(page, applicationId, asked, /** @type {Schemas["RequestException"]["rules"]} */ (liftable)),
  );
}
