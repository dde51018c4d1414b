/**
 * The people whom a helper helps: enter an invitation, see the call status, and check a code for them. Nothing here is
 * green: the call is not to the person who looks at this page. Implements specs/protocol.md section 7.18.
 */

import { CannotCheck, Problem } from "../typescript/src/client.js";
import { LENGTH, digitsOf } from "../web/code.js";
import { button, h, shape } from "../web/elements.js";
import { dayAndTime, said, say } from "../web/language.js";
import { WORDS } from "./helper_words.js";
import { LOOKS } from "./status.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Helped"]} Helped */
/** @typedef {{kind: string, icon: Parameters<typeof shape>[0]}} Look */

const LOOK_AGAIN_MS = 5_000;
/** @type {Look} */
const DOUBT = { kind: "doubt", icon: "warning" };
/** @type {Look} */
const BAD = { kind: "bad", icon: "stop" };

/** @param {Page} page @param {AbortSignal} signal @param {readonly Helped[]} people */
export function helpingSection(page, signal, people) {
  return h(
    "div",
    { class: "stack" },
    h("h2", {}, say(WORDS.helpingTitle)),
    people.length
      ? people.map((each) => h("section", { class: "card" }, person(page, signal, each)))
      : h("p", { class: "card" }, say(WORDS.helpingNone)),
    h("details", { class: "card" }, h("summary", {}, say(WORDS.enterTitle)), entry(page)),
  );
}

/** @param {Page} page @param {AbortSignal} signal @param {Helped} helped */
function person(page, signal, { helper_id: id, person: name, state, valid_until: until }) {
  const stop = () =>
    page.client.helping.stop(id).then(
      () => page.go("/helpers"),
      (error) => page.fail(error),
    );
  const leave = button(say(WORDS.stop), stop, { class: "danger wide" });
  if (state !== "active") return [h("h3", {}, name), h("p", { class: "badge" }, say(WORDS.helpingWait)), leave];
  const told = h("div", { role: "status" });
  const input = h("input", { id: `code-${id}`, class: "code", inputmode: "numeric", autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const status = async () => {
    try {
      const found = await page.client.helping.callStatus(id, { signal });
      const known = Object.hasOwn(LOOKS, found.state);
      told.replaceChildren(known ? notice(LOOKS[found.state], said(found.words)) : cannot());
    } catch (error) {
      if (!(error instanceof CannotCheck)) return page.fail(error);
      told.replaceChildren(cannot());
    }
  };
  const check = async () => {
    const { digits } = digitsOf(input.value);
    wrong.textContent = digits.length === LENGTH ? "" : say(WORDS.codeShort);
    if (digits.length !== LENGTH) return input.focus();
    input.value = "";
    told.replaceChildren();
    return follow(page, signal, id, digits, told).catch((error) => {
      if (!(error instanceof Problem && error.slug === "malformed_code")) {
        page.fail(error);
        return;
      }
      wrong.textContent = say(WORDS.codeSlip);
      input.focus();
    });
  };
  return [
    h("h3", {}, name),
    h("p", { class: "small" }, say(WORDS.until, { time: dayAndTime(until) })),
    told,
    button(say(WORDS.status), status, { class: "wide" }),
    h("label", { for: `code-${id}` }, say(WORDS.code)),
    input,
    wrong,
    button(say(WORDS.check), check, { class: "primary wide" }),
    leave,
  ];
}

/**
 * Ask for the verdict, and again while it is genuine: with the same key, it becomes `ended` after the call. It is taken
 * off when there is no answer (law L6), and with the screen.
 * @param {Page} page
 * @param {AbortSignal} signal
 * @param {string} id
 * @param {string} digits
 * @param {Element} told
 */
async function follow(page, signal, id, digits, told) {
  const idempotencyKey = crypto.randomUUID();
  /** @type {(shown: Node, live: boolean) => () => {shown: Node, live: boolean}} */
  const as = (shown, live) => () => ({ shown, live });
  const look = () =>
    page.client.helping.confirm(
      id,
      { code: digits },
      {
        genuine: ({ call, words }) =>
          ({ shown: notice(LOOKS.connected, say(WORDS.genuine), say(WORDS.genuineWhat, call.officer), said(words)), live: true }),
        ended: as(notice(DOUBT, say(WORDS.checkOver), say(WORDS.checkOverWhat)), false),
        notGenuine: (verdict) => ({ shown: notice(BAD, said(verdict.words)), live: false }),
      },
      { signal, idempotencyKey },
    );
  const first = await look().catch((error) => {
    if (!(error instanceof CannotCheck)) throw error;
    return { shown: cannot(), live: false };
  });
  told.replaceChildren(first.shown);
  const again = async () => {
    const next = await look().catch(() => ({ shown: cannot(), live: false }));
    // Another question may have been asked meanwhile.
    if (signal.aborted || told.firstChild !== shown) return;
    if (next.live) return void setTimeout(again, LOOK_AGAIN_MS);
    told.replaceChildren(next.shown);
  };
  const shown = told.firstChild;
  if (first.live) setTimeout(again, LOOK_AGAIN_MS);
}

function cannot() {
  return notice(DOUBT, say(WORDS.cannot), say(WORDS.cannotWhat));
}

/** @param {Look} look @param {string} title @param {...string} more */
function notice({ kind, icon }, title, ...more) {
  return h("div", { class: `told ${kind}` }, shape(icon), h("div", {}, h("h3", {}, title), more.map((each) => h("p", {}, each))));
}

/** @param {Page} page */
function entry(page) {
  const invitation = h("input", { id: "invitation", maxlength: 40, autocomplete: "off", autocapitalize: "characters" });
  const name = h("input", { id: "my-name", maxlength: 40, autocomplete: "name" });
  const person = h("input", { id: "person", maxlength: 40, autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const send = async () => {
    const asked = { invitation: invitation.value.trim(), name: name.value.trim(), person: person.value.trim() };
    const whole = asked.invitation && asked.name && asked.person;
    wrong.textContent = whole ? "" : say(WORDS.enterAll);
    if (!whole) return;
    try {
      await page.client.helping.enter(asked);
      page.go("/helpers");
    } catch (error) {
      if (!(error instanceof Problem && ["not_found", "invalid_field"].includes(error.slug))) return page.fail(error);
      wrong.textContent = say(WORDS.enterWrong);
    }
  };
  return h(
    "div",
    { class: "stack" },
    h("label", { for: "invitation" }, say(WORDS.enterInvitation)),
    invitation,
    h("label", { for: "my-name" }, say(WORDS.enterName)),
    name,
    h("label", { for: "person" }, say(WORDS.enterPerson)),
    person,
    wrong,
    button(say(WORDS.enter), send, { class: "primary wide" }),
  );
}
