/**
 * A short sound for each state of the call status, for a person who does not look at the screen. No sound reassures.
 * Implements specs/protocol.md section 12.1.
 */

/** The tones of each state: frequency in Hz and length in seconds. @type {Record<string, readonly [number, number][]>} */
const TONES = {
  none: [[392, 0.12]],
  expected: [[523, 0.12], [523, 0.12]],
  ringing: [[659, 0.1], [784, 0.1], [659, 0.1], [784, 0.1]],
  connected: [[523, 0.3]],
  unknown: [[330, 0.2], [262, 0.4]],
};
const VOLUME = 0.15;
const PAUSE_S = 0.06;

/** @type {AudioContext | null} */
let audio = null;

// Browsers allow sound only after the person has touched the page.
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => (audio ??= new AudioContext()), { once: true });

/** Play the sound of a state, if the browser allows it. @param {string} state */
export function sound(state) {
  if (audio?.state !== "running") return;
  let at = audio.currentTime;
  for (const [frequency, length] of TONES[state] ?? []) {
    const tone = new OscillatorNode(audio, { frequency });
    const volume = new GainNode(audio, { gain: 0 });
    tone.connect(volume).connect(audio.destination);
    // Without a soft edge, the tone would click.
    volume.gain.setTargetAtTime(VOLUME, at, 0.01);
    volume.gain.setTargetAtTime(0, at + length - 0.03, 0.01);
    tone.start(at);
    tone.stop(at + length);
    at += length + PAUSE_S;
  }
}
