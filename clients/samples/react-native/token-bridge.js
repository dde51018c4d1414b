/**
 * Gives the page in a WebView of React Native the token of the app. The app runs it before each page
 * (`injectedJavaScriptBeforeContentLoaded`), and answers with `callbackVerificationAnswer`. It is a text: React Native does
 * not keep the source of functions.
 */
export const TOKEN_BRIDGE = `
(() => {
  const waiting = new Map();
  let last = 0;
  globalThis.callbackVerificationAnswer = (id, token) => {
    waiting.get(id)?.(token);
    waiting.delete(id);
  };
  globalThis.callbackVerificationHost = {
    token: (asked) =>
      new Promise((resolve) => {
        last += 1;
        waiting.set(last, resolve);
        ReactNativeWebView.postMessage(JSON.stringify({ id: last, asked: JSON.parse(asked) }));
      }),
  };
})();
true;
`;

/** The script that answers question `id`. @param {number} id @param {string | null} token */
export function answerTo(id, token) {
  return `callbackVerificationAnswer(${Number(id)}, ${JSON.stringify(token)}); true;`;
}
