/**
 * Gives the page in a WKWebView the token of the app. `postMessage` of a handler with a reply returns a promise of the reply.
 * The app runs it at the start of each document, in the main frame only.
 */
globalThis.callbackVerificationHost = {
  token: (asked) => webkit.messageHandlers.bankTokens.postMessage(asked),
};
