/** Reads the screen aloud with the voice of the browser, where there is one. Implements specs/protocol.md section 12.1. */

import { button } from "./elements.js";
import { language, say } from "./language.js";
import { WORDS } from "./words.js";

const SPOKEN = "h1, h2, h3, p, li, summary";

/** A button, or null if the browser has no voice. @param {Element} screen */
export function aloudButton(screen) {
  if (!("speechSynthesis" in globalThis)) return null;
  return button(say(WORDS.aloud), () => {
    // A second press ends it.
    if (speechSynthesis.speaking) return speechSynthesis.cancel();
    const shown = [...screen.querySelectorAll(SPOKEN)].filter((each) => each.getClientRects().length > 0);
    const speech = new SpeechSynthesisUtterance(shown.map((each) => each.textContent).join("\n"));
    speech.lang = language();
    speech.rate = 0.85;
    speechSynthesis.speak(speech);
  });
}
