/** The window of "did you call me?": two times, and the number that called. Implements specs/protocol.md section 7.14. */

import { h, labelled } from "./elements.js";
import { asE164, say } from "./language.js";
import { WORDS } from "./words.js";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/**
 * The fields, and a function that returns the question to send. It returns what is wrong with it, and puts the focus
 * there.
 * @param {number} at the service's time in epoch milliseconds, since the device's may be wrong
 */
export function callWindow(at) {
  // The end is the next full minute, so that a call of this minute is not left out.
  const now = Math.ceil(at / MINUTE) * MINUTE;
  const from = h("input", { id: "called-from", type: "datetime-local", value: asLocal(now - DAY), required: true });
  const until = h("input", { id: "called-until", type: "datetime-local", value: asLocal(now), required: true });
  const number = h("input", { id: "called-number", inputmode: "tel", maxlength: 32, autocomplete: "off" });
  const fields = [
    labelled(say(WORDS.calledFrom), from),
    labelled(say(WORDS.calledUntil), until),
    labelled(say(WORDS.calledNumber), number),
  ];
  return { fields, question: () => question(from, until, number) };
}

/** @param {HTMLInputElement} from @param {HTMLInputElement} until @param {HTMLInputElement} typed */
function question(from, until, typed) {
  /** @param {HTMLInputElement} at @param {import("./language.js").Both} words */
  const wrong = (at, words) => {
    at.focus();
    return say(words);
  };
  const [begins, ends] = [new Date(from.value).getTime(), new Date(until.value).getTime()];
  if (Number.isNaN(begins)) return wrong(from, WORDS.calledNoTime);
  if (Number.isNaN(ends)) return wrong(until, WORDS.calledNoTime);
  if (ends < begins) return wrong(until, WORDS.calledBackwards);
  if (ends - begins > 31 * DAY) return wrong(from, WORDS.calledTooLong);
  const number = asE164(typed.value);
  if (number === "") return wrong(typed, WORDS.calledNoNumber);
  return { from: new Date(begins).toISOString(), until: new Date(ends).toISOString(), caller_number: number };
}

/** A time in the format of an input, in the time zone of the device. @param {number} ms */
export function asLocal(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}
