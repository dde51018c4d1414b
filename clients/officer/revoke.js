/** Cancels the code of a call, after a question. Shown only while the call can be revoked. */

import { button, h } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS as DAY } from "./day_words.js";
import { keyMark } from "./shortcuts.js";
import { WORDS } from "./words.js";

/** While a call is confirmed, its verdict is green. Without required legs, only the officer can end that. */
const REVOCABLE = ["issued", "ringing", "live", "confirmed"];

/** @param {() => unknown} revoke */
export function revocation(revoke) {
  const ask = button([say(WORDS.revoke), keyMark("x")], () => question(true), { class: "danger" });
  const no = button(say(DAY.revokeNo), () => question(false));
  const sure = h(
    "div",
    { class: "sure", role: "group", "aria-labelledby": "revoke-sure" },
    h("p", { id: "revoke-sure" }, say(DAY.revokeSure)),
    h("div", { class: "actions" }, button(say(DAY.revokeYes), revoke, { class: "danger" }), no),
  );
  const whole = h("div", {}, ask, sure);
  sure.hidden = true;

  /** @param {boolean} asked */
  function question(asked) {
    ask.hidden = asked;
    sure.hidden = !asked;
    (asked ? no : ask).focus();
  }
  return {
    whole,
    /** Ask for a confirmation, if there is something to cancel. */
    ask: () => !whole.hidden && question(true),
    /** @param {string} state of the call */
    follow: (state) => {
      const gone = !REVOCABLE.includes(state);
      // The focus must not fall to the body with what is hidden.
      if (gone && whole.querySelector(":focus")) whole.closest("main")?.querySelector("h1")?.focus();
      whole.hidden = gone;
    },
  };
}
