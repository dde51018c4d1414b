/** The web components `<call-check>` and `<call-desk>`. specs/protocol.md section 12.3 says what they promise. */

export type Language = "zh-CN" | "en";

/** Return an access token of the person, or null if nobody is signed in. */
export type TokenProvider = (asked: {
  /** The contexts of a stronger sign-in (RFC 9470), if the service has asked for one. */
  acrValues: readonly string[] | null;
}) => Promise<string | null> | string | null;

/** A verdict on a code. It never holds the code. It is about the moment of the answer: do not show it as genuine. */
export interface VerdictDetail {
  verdict: "genuine" | "not_genuine" | "ended" | "unavailable";
  call_id: string | null;
  receipt_id: string | null;
  /** The call is the bank's, but to another contact. */
  to_another: boolean;
}

export interface ErrorDetail {
  /** A slug of specs/protocol.md section 9, or `unreachable`, `cannot_check` or `defect`. */
  slug: string;
  request_id: string | null;
}

interface CallElementEventMap extends Omit<HTMLElementEventMap, "error"> {
  verdict: CustomEvent<VerdictDetail>;
  error: CustomEvent<ErrorDetail>;
  "signed-out": CustomEvent<null>;
}

/** The attributes are `service`, the address of the service, and `language`. */
export interface CallElement extends HTMLElement {
  /** Without one, nothing is shown. */
  tokenProvider: TokenProvider | null;
  /** Other texts, by the text that they replace. All components of a document have the same words and language. */
  words: { [each in Language]?: Record<string, string> };
  addEventListener<Name extends keyof CallElementEventMap>(
    type: Name,
    listener: (event: CallElementEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "call-check": CallElement;
    "call-desk": CallElement;
  }
}
