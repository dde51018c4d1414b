/** Plays short tones, where the browser allows sound. */

/** The tones of a sound: frequency in Hz and length in seconds. @typedef {readonly (readonly [number, number])[]} Tones */

const VOLUME = 0.15;
const PAUSE_S = 0.06;

/** @type {AudioContext | null} */
let audio = null;

// Browsers allow sound only after the person has touched the page.
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => (audio ??= new AudioContext()), { once: true });

/** @param {Tones} tones */
export function play(tones) {
  if (audio?.state !== "running") return;
  let at = audio.currentTime;
  for (const [frequency, length] of tones) {
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
