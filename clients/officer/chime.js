/** A chime when a call is connected, for an officer who looks elsewhere. It can be turned off. */

import { recall, remember } from "../web/kept.js";
import { play } from "../web/tones.js";

/** The key in localStorage. It is "0" if the person has turned it off. */
const STORED = "chime";

export function chimes() {
  return recall(STORED) !== "0";
}

/** @param {boolean} on */
export function setChimes(on) {
  remember(STORED, on ? "1" : "0");
}

export function chime() {
  if (chimes()) play([[784, 0.12], [1047, 0.25]]);
}
