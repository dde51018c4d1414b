/**
 * The people whom a helper helps: enter an invitation, see the call status, and check a code for them. Nothing here is
 * green: the call is not to the person who looks at this page. Implements specs/protocol.md sections 7.18 and 12.1.
 */

import { CannotCheck, Problem } from "../typescript/src/client.js";
import { LENGTH, digitsOf } from "../web/code.js";
import { button, h, labelled, shape } from "../web/elements.js";
import { clockTime, dayAndTime, said, say } from "../web/language.js";
import { problemWords } from "../web/page.js";
import { question } from "../web/question.js";
import { WORDS as SHARED } from "../web/words.js";
import { WORDS } from "./helper_words.js";
import { LOOKS } from "./status.js";
import { list, notToYou } from "./verdict.js";
import { watchCallToAnother } from "./watch.js";
import { WORDS as APP } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Helped"]} Helped */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallDetails"]} CallDetails */
/** @typedef {import("./watch.js").State} State */
/** @typedef {{kind: string, icon: Parameters<typeof shape>[0]}} Look */

/** @type {Look} */
const DOUBT = { kind: "doubt", icon: "warning" };
/** @type {Look} */
const BAD = { kind: "bad", icon: "stop" };

/** What a helper can do for a person. @param {Page} page @param {AbortSignal} signal @param {Helped} helped */
export function personHelped(page, signal, { helper_id: id, person: name, state, valid_until: until }) {
  const stop = () => page.client.helping.stop(id).then(() => page.go("/helpers"), refused);
  const leave = button(say(WORDS.stop), stop, { class: "danger wide" });
  if (state !== "active") return [h("h3", {}, name), h("p", { class: "badge" }, say(WORDS.helpingWait)), leave];
  const told = h("div", { role: "status" });
  const input = h("input", { id: `code-${id}`, class: "code", inputmode: "numeric", autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const send = question();
  let asking = new AbortController();
  const begin = () => {
    asking.abort();
    asking = new AbortController();
    told.replaceChildren();
    wrong.textContent = "";
    return AbortSignal.any([signal, asking.signal]);
  };
  const tell = (/** @type {Node} */ answer) => {
    told.replaceChildren(answer);
    told.scrollIntoView({ block: "nearest" });
  };
  /** @param {unknown} error */
  function refused(error) {
    // Without a reliable answer, what was typed stays, so that the same question can be asked again.
    if (error instanceof CannotCheck) return tell(cannot());
    // The other person has ended it.
    if (error instanceof Problem && error.slug === "not_found") return page.go("/helpers");
    return page.fail(error);
  }
  const look = async () => {
    const within = begin();
    try {
      const found = await page.client.helping.callStatus(id, { signal: within });
      const known = Object.hasOwn(LOOKS, found.state);
      const asOf = say(APP.asOf, { time: clockTime(found.at) });
      tell(known ? notice(LOOKS[found.state], said(found.words), asOf) : cannot());
    } catch (error) {
      refused(error);
    }
  };
  const check = async () => {
    const { digits } = digitsOf(input.value);
    const within = begin();
    if (digits.length !== LENGTH) {
      wrong.textContent = say(WORDS.codeShort);
      return input.focus();
    }
    try {
      tell(await send(digits, (key) => answer(page, within, id, digits, key)));
      input.value = "";
    } catch (error) {
      if (!(error instanceof Problem && error.slug === "malformed_code")) return refused(error);
      wrong.textContent = say(WORDS.codeSlip);
      return input.focus();
    }
  };
  return [
    h("h3", {}, name),
    h("p", { class: "small" }, say(WORDS.until, { time: dayAndTime(until) })),
    told,
    button(say(WORDS.status), look, { class: "wide" }),
    labelled(say(WORDS.code), input),
    wrong,
    button(say(WORDS.check), check, { class: "primary wide" }),
    leave,
  ];
}

/**
 * Ask for the verdict. What is shown of a genuine one changes with its call, until `signal` aborts.
 * @param {Page} page
 * @param {AbortSignal} signal
 * @param {string} id
 * @param {string} code
 * @param {string} idempotencyKey
 * @returns {Promise<Node>}
 */
function answer(page, signal, id, code, idempotencyKey) {
  const { helping } = page.client;
  return helping.confirm(
    id,
    { code },
    {
      genuine: ({ call }) =>
        genuine(page, call, (changed) => {
          const asks = {
            status: (/** @type {import("./watch.js").Options} */ options) => helping.callStatus(id, options),
            /** @type {Parameters<typeof watchCallToAnother>[1]["verdict"]} */
            verdict: (handlers, options) => helping.confirm(id, { code }, handlers, { ...options, idempotencyKey }),
          };
          watchCallToAnother(page, asks, signal, changed);
        }),
      ended: () => notice(DOUBT, say(WORDS.checkOver), say(WORDS.checkOverWhat)),
      notGenuine: ({ words }) => notice(BAD, say(WORDS.notGenuine), said(words)),
    },
    { signal, idempotencyKey },
  );
}

/** @param {Page} page @param {CallDetails} call @param {(changed: (state: State) => void) => void} watch */
function genuine(page, call, watch) {
  const top = h("div", {}, notice(LOOKS.none, say(APP.goesOn)));
  const more = h(
    "div",
    { class: "stack" },
    h("p", {}, say(SHARED.officerLine, { ...call.officer })),
    call.called && notToYou(call.called),
    list(APP.never, call.never_asks, page),
  );
  more.hidden = true;
  watch((state) => {
    more.hidden = false;
    if (state === "on") top.replaceChildren(notice(LOOKS.connected, say(WORDS.genuine)));
    else if (state === "over") top.replaceChildren(notice(DOUBT, say(WORDS.checkOver), say(WORDS.checkOverWhat)));
    else top.replaceChildren(cannot());
  });
  return h("div", { class: "stack" }, top, more);
}

function cannot() {
  return notice(DOUBT, say(WORDS.cannot), say(WORDS.cannotWhat));
}

/** @param {Look} look @param {string} title @param {...string} more */
function notice({ kind, icon }, title, ...more) {
  return h("div", { class: `told ${kind}` }, shape(icon), h("div", {}, h("h3", {}, title), more.map((each) => h("p", {}, each))));
}

/** The form for an invitation that the person was given. @param {Page} page */
export function invitationEntry(page) {
  const invitation = h("input", { id: "invitation", maxlength: 40, autocomplete: "off", autocapitalize: "characters" });
  const name = h("input", { id: "my-name", maxlength: 40, autocomplete: "name" });
  const person = h("input", { id: "person", maxlength: 40, autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const send = async () => {
    const asked = { invitation: invitation.value.trim(), name: name.value.trim(), person: person.value.trim() };
    const empty = [invitation, name, person].find((each) => !each.value.trim());
    wrong.textContent = empty ? say(WORDS.enterAll) : "";
    if (empty) return empty.focus();
    try {
      await page.client.helping.enter(asked);
      page.go("/helpers");
    } catch (error) {
      const slug = error instanceof Problem ? error.slug : "";
      if (slug === "too_many_helpers") wrong.textContent = problemWords(error).what;
      else if (["not_found", "invalid_field"].includes(slug)) wrong.textContent = say(WORDS.enterWrong);
      else return page.fail(error);
      return invitation.focus();
    }
  };
  return h(
    "div",
    { class: "stack" },
    labelled(say(WORDS.enterInvitation), invitation),
    labelled(say(WORDS.enterName), name),
    labelled(say(WORDS.enterPerson), person),
    wrong,
    button(say(WORDS.enter), send, { class: "primary wide" }),
  );
}
