/**
 * A session whose tokens come from the app or the page around this one, which has signed the person in.
 * It has the members of Session. Implements specs/protocol.md section 12.3.
 */

import { SignInFailed, SignedOut } from "./session.js";

/** @typedef {import("./host-tokens.js").TokenProvider} TokenProvider */

export class ProvidedSession {
  #provider;
  #subject = "";
  #steppedUp = false;

  /** @param {TokenProvider} provider */
  constructor(provider) {
    this.#provider = provider;
  }

  /** Whether the sign-in is somebody else's, so that there is nothing to sign out of here. */
  get provided() {
    return true;
  }

  get name() {
    return "";
  }

  /** The person's id, from a token that only the service verifies. Nothing but the look of the page depends on it. */
  get subject() {
    return this.#subject;
  }

  get steppedUp() {
    return this.#steppedUp;
  }

  /** Return the access token. Raises SignedOut if the provider has none. @returns {Promise<string>} */
  token() {
    return this.#ask(null);
  }

  forget() {
    this.#subject = "";
  }

  /** Return whether the provider has a token. */
  async resume() {
    try {
      await this.#ask(null);
    } catch (error) {
      if (!(error instanceof SignedOut)) throw error;
    }
    return this.#subject !== "";
  }

  /**
   * Ask the provider to sign the person in. Return whether it has. Raises SignInFailed if it fails.
   * @param {readonly string[] | null} [acrValues]
   */
  async redirect(acrValues = null) {
    this.#steppedUp = acrValues !== null;
    try {
      await this.#ask(acrValues);
    } catch (error) {
      if (!(error instanceof SignedOut)) throw new SignInFailed("no token");
    }
    return this.#subject !== "";
  }

  async signOut() {
    this.forget();
  }

  /** @param {readonly string[] | null} acrValues */
  async #ask(acrValues) {
    const token = await this.#provider({ acrValues });
    if (typeof token !== "string" || token === "") {
      this.forget();
      throw new SignedOut();
    }
    this.#subject = subjectOf(token);
    return token;
  }
}

/** @param {string} token */
function subjectOf(token) {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const octets = Uint8Array.from(atob(part), (each) => each.charCodeAt(0));
    return String(JSON.parse(new TextDecoder().decode(octets)).sub ?? "provided");
  } catch {
    // The service accepts it or not.
    return "provided";
  }
}
