/**
 * A short sound for each state of the call status, for a person who does not look at the screen. No sound reassures.
 * Implements specs/protocol.md section 12.1.
 */

import { play } from "../web/tones.js";

/** @type {Record<string, import("../web/tones.js").Tones>} */
const TONES = {
  none: [[392, 0.12]],
  expected: [[523, 0.12], [523, 0.12]],
  ringing: [[659, 0.1], [784, 0.1], [659, 0.1], [784, 0.1]],
  connected: [[523, 0.3]],
  unknown: [[330, 0.2], [262, 0.4]],
};

/** Play the sound of a state, if the browser allows it. @param {string} state */
export function sound(state) {
  play(TONES[state] ?? []);
}
