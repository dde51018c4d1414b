/**
 * What engines of the class of Chromium 80 and Safari 14 lack, and the pages and the SDK use. Nothing that exists is
 * replaced. The bundler puts this file first. Implements specs/protocol.md section 12.1.
 */

/** @param {object} where @param {string} name @param {unknown} value */
function add(where, name, value) {
  if (!(name in where)) Object.defineProperty(where, name, { value, configurable: true, writable: true });
}

add(Object, "hasOwn", (/** @type {object} */ object, /** @type {PropertyKey} */ key) =>
  Object.prototype.hasOwnProperty.call(object, key),
);

add(crypto, "randomUUID", () => {
  // RFC 9562 section 5.4
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x40;
  octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...octets].map((each) => each.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
});

for (const parent of [Element, Document, DocumentFragment]) {
  add(parent.prototype, "replaceChildren", function (/** @type {(Node | string)[]} */ ...children) {
    // @ts-expect-error `this` is the parent
    const self = /** @type {Element} */ (this);
    while (self.lastChild) self.lastChild.remove();
    self.append(...children);
  });
}

/** @this {ArrayLike<unknown>} @param {number} index */
function at(index) {
  const from = Math.trunc(index) || 0;
  return this[from < 0 ? from + this.length : from];
}
add(Array.prototype, "at", at);
add(String.prototype, "at", at);

// An older controller aborts without a reason, and its signal has none.
if (!("reason" in AbortSignal.prototype)) {
  /** @type {WeakMap<AbortSignal, unknown>} */
  const reasons = new WeakMap();
  const abort = AbortController.prototype.abort;
  AbortController.prototype.abort = function (reason = new DOMException("The operation was aborted.", "AbortError")) {
    if (!this.signal.aborted) reasons.set(this.signal, reason);
    abort.call(this);
  };
  Object.defineProperty(AbortSignal.prototype, "reason", {
    configurable: true,
    get() {
      return reasons.get(this);
    },
  });
}
add(AbortSignal.prototype, "throwIfAborted", function () {
  // @ts-expect-error `this` is the signal
  const self = /** @type {AbortSignal} */ (this);
  if (self.aborted) throw self.reason;
});

add(AbortSignal, "timeout", (/** @type {number} */ ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("The operation timed out.", "TimeoutError")), ms);
  return controller.signal;
});

add(AbortSignal, "any", (/** @type {AbortSignal[]} */ signals) => {
  const controller = new AbortController();
  const follow = () => {
    for (const each of signals) each.removeEventListener("abort", follow);
    controller.abort(signals.find((each) => each.aborted)?.reason);
  };
  if (signals.some((each) => each.aborted)) follow();
  else for (const each of signals) each.addEventListener("abort", follow);
  return controller.signal;
});
