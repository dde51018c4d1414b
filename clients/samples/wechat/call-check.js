/** The check of a call in a WeChat mini-program, on the API. Implements specs/protocol.md sections 7 and 12.1. */

const { callStatus, confirm, goesOn, said } = require("./service.js");
const WORDS = require("./words.js");

const LENGTH = 9;
const LOOK_AGAIN_MS = 3_000;
const TITLES = {
  genuine: WORDS.genuine,
  to_another: WORDS.toAnother,
  not_genuine: WORDS.notGenuine,
  ended: WORDS.ended,
  unavailable: WORDS.unavailable,
  lost: WORDS.lost,
};
const HINTS = { slip: WORDS.slip, wait: WORDS.wait, signed_out: WORDS.signIn };

Page({
  data: { view: "check", digits: "", hint: "", status: WORDS.asking, title: "", text: "", officer: null },

  onShow() {
    this.shown = true;
    this.look();
  },

  // A verdict is shown once: it is gone when the person leaves the page.
  onHide() {
    this.leave();
  },

  onUnload() {
    this.leave();
  },

  leave() {
    this.shown = false;
    clearTimeout(this.timer);
    this.again();
  },

  /** Show the call status, and again while the person is here. */
  async look() {
    clearTimeout(this.timer);
    const status = await callStatus();
    if (!this.shown || this.data.view !== "check") return;
    this.setData({ status: status === null ? WORDS.offline : status });
    this.timer = setTimeout(() => this.look(), LOOK_AGAIN_MS);
  },

  typed(event) {
    const digits = event.detail.value.normalize("NFKC").replace(/\D/g, "").slice(0, LENGTH);
    this.setData({ digits, hint: "" });
  },

  async check() {
    const { digits } = this.data;
    if (this.data.view === "asking") return;
    if (digits.length !== LENGTH) return this.setData({ hint: WORDS.short });
    const asked = { digits, key: `${Date.now()}-${Math.random()}` };
    this.setData({ view: "asking", title: WORDS.asking, digits: "" });
    const { kind, answer } = await confirm(asked);
    if (!this.shown) return;
    if (HINTS[kind]) {
      this.setData({ view: "check", hint: HINTS[kind] });
      return this.look();
    }
    // It is not green before it is known that the call goes on.
    if (kind === "genuine" || kind === "to_another") return this.follow(asked, kind, answer);
    this.tell(kind, answer);
  },

  /** Show the verdict while its call goes on, and take it off at once when it does not, or when that is not known. */
  async follow(asked, kind, answer) {
    const state = await goesOn(asked, answer.call);
    if (!this.shown || this.data.view === "check") return;
    this.tell({ on: kind, over: "ended", lost: "lost" }[state], answer);
    if (state !== "over") this.timer = setTimeout(() => this.follow(asked, kind, answer), LOOK_AGAIN_MS);
  },

  tell(view, answer) {
    const ours = view === "genuine" || view === "not_genuine" || view === "to_another";
    const text = ours ? said(answer.words) : view === "ended" ? "" : WORDS.offline;
    this.setData({ view, title: TITLES[view], text, officer: view === "genuine" ? answer.call.officer : null });
  },

  /** Back to the entry of a code. */
  again() {
    clearTimeout(this.timer);
    this.setData({ view: "check", digits: "", hint: "", title: "", text: "", officer: null });
    if (this.shown) this.look();
  },
});
