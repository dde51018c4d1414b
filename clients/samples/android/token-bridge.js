/**
 * Gives the page in a WebView the token of the app. Android runs it before each page of the service
 * (`addDocumentStartJavaScript`), and adds the object `bankTokens` for the service's origin only (`addWebMessageListener`).
 */
(() => {
  const waiting = new Map();
  bankTokens.onmessage = (event) => {
    const { id, token } = JSON.parse(event.data);
    waiting.get(id)?.(token);
    waiting.delete(id);
  };
  let last = 0;
  globalThis.callbackVerificationHost = {
    token: (asked) =>
      new Promise((resolve) => {
        last += 1;
        waiting.set(last, resolve);
        bankTokens.postMessage(JSON.stringify({ id: last, asked: JSON.parse(asked) }));
      }),
  };
})();
