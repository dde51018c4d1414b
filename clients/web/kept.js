/** Small choices that the browser keeps. In a frame, or in a private window, it may refuse to keep anything. */

/** @param {string} name @param {() => Storage} [store] @returns {string | null} */
export function recall(name, store = () => localStorage) {
  try {
    return store().getItem(name);
  } catch {
    return null;
  }
}

/** Keep a text, or forget it if it is null. @param {string} name @param {string | null} text @param {() => Storage} [store] */
export function remember(name, text, store = () => localStorage) {
  try {
    if (text === null) store().removeItem(name);
    else store().setItem(name, text);
  } catch {
    // Nothing depends on it.
  }
}
