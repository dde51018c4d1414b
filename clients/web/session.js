/**
 * Signing in at the bank's OpenID provider: code flow with PKCE (RFC 7636, RFC 9700) for a page without a secret.
 * Implements specs/protocol.md section 12.1. The token lives in this page's memory and nowhere else.
 */

import { CannotCheck } from "../typescript/src/client.js";

/** @typedef {{issuer: string, client_id: string, scope: string, resource: string}} SignIn */
/** @typedef {{verifier: string, state: string, nonce: string, route: string}} Leaving */
/** @typedef {{authorization_endpoint: string, token_endpoint: string, end_session_endpoint?: string}} Provider */

const EARLY_MS = 15_000;

/** Nobody is signed in, or not any more. */
export class SignedOut extends Error {}

/** Signing in did not work; `reason` is the provider's own word, or ours. `refused` when the provider said no. */
export class SignInFailed extends Error {
  /** @param {string} reason @param {boolean} [refused] */
  constructor(reason, refused = false) {
    super(`signing in failed: ${reason}`);
    this.reason = reason;
    this.refused = refused;
  }
}

export class Session {
  /** @type {{token: string, refresh: string | null, until: number, name: string, subject: string} | null} */
  #held = null;
  /** @type {Promise<void> | null} */
  #renewing = null;
  #signIn;
  #leaving;
  #known;
  #home;

  /**
   * @param {SignIn} signIn
   * @param {string} page "app" or "officer": two pages of one origin keep out of each other's way
   */
  constructor(signIn, page) {
    this.#signIn = signIn;
    this.#leaving = `${page}-leaving`;
    this.#known = `${page}-known`;
    this.#home = `${location.origin}/${page}/`;
  }

  /** The person's name as the provider gives it. */
  get name() {
    return this.#held?.name ?? "";
  }

  /** The person's id at the provider: for staff, the staff number. */
  get subject() {
    return this.#held?.subject ?? "";
  }

  /**
   * The token to show. One that is about to end is renewed where the provider has given leave (RFC 6749 section 6).
   * Raises SignedOut when there is none to show, CannotCheck when the provider cannot be reached.
   * @returns {Promise<string>}
   */
  async token() {
    // Measured by the clock that only runs forward: the phone's own may be wrong by a day.
    if (this.#held !== null && performance.now() > this.#held.until) {
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
      await this.#renewing;
    }
    if (this.#held === null) throw new SignedOut();
    return this.#held.token;
  }

  /** Forget the token: the service does not take it any more. */
  forget() {
    this.#held = null;
  }

  /**
   * Come back from the provider, if that is where this load comes from; true when somebody is signed in.
   * A page that was signed in before a reload goes to the provider by itself, who mostly sends it straight back.
   * Raises SignInFailed.
   */
  async begin() {
    const answer = new URLSearchParams(location.search);
    const kept = sessionStorage.getItem(this.#leaving);
    sessionStorage.removeItem(this.#leaving);
    if (answer.has("state")) {
      // The address must not keep the code: it goes into histories and screenshots.
      const leaving = /** @type {Leaving | null} */ (JSON.parse(kept ?? "null"));
      history.replaceState(null, "", this.#home + (leaving?.route ?? ""));
      await this.#finish(answer, leaving);
      return true;
    }
    if (sessionStorage.getItem(this.#known) === null) return false;
    sessionStorage.removeItem(this.#known);
    await this.leave();
    return false;
  }

  /** Go to the provider. The page is gone with it. Raises SignInFailed when the provider does not answer. */
  async leave() {
    const provider = await this.#provider();
    const leaving = { verifier: random(), state: random(), nonce: random(), route: location.hash };
    sessionStorage.setItem(this.#leaving, JSON.stringify(leaving));
    const asked = new URLSearchParams({
      response_type: "code",
      client_id: this.#signIn.client_id,
      redirect_uri: this.#home,
      scope: this.#signIn.scope,
      ...this.#resource(),
      state: leaving.state,
      nonce: leaving.nonce,
      code_challenge: base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", ascii(leaving.verifier)))),
      code_challenge_method: "S256",
    });
    location.assign(`${provider.authorization_endpoint}?${asked}`);
  }

  /** Sign out here and at the provider. */
  async end() {
    this.#held = null;
    sessionStorage.removeItem(this.#known);
    const provider = await this.#provider().catch(() => null);
    if (provider?.end_session_endpoint) {
      const asked = new URLSearchParams({
        client_id: this.#signIn.client_id,
        post_logout_redirect_uri: this.#home,
      });
      location.assign(`${provider.end_session_endpoint}?${asked}`);
    } else {
      location.assign(this.#home);
    }
  }

  /** @param {URLSearchParams} answer @param {Leaving | null} leaving */
  async #finish(answer, leaving) {
    if (leaving === null || answer.get("state") !== leaving.state) throw new SignInFailed("not asked for");
    const issuer = answer.get("iss");
    if (issuer !== null && issuer !== this.#signIn.issuer) throw new SignInFailed("another provider");
    const code = answer.get("code");
    if (code === null) throw new SignInFailed(answer.get("error") ?? "no code");
    const given = await this.#granted({
      grant_type: "authorization_code",
      code,
      redirect_uri: this.#home,
      code_verifier: leaving.verifier,
    });
    this.#held = { ...given.tokens, ...this.#identity(given.identity, leaving.nonce) };
    sessionStorage.setItem(this.#known, "1");
  }

  /** Get a fresh token for the one that is about to end. */
  async #renew() {
    const held = this.#held;
    if (!held?.refresh) throw new SignedOut();
    try {
      const { tokens } = await this.#granted({ grant_type: "refresh_token", refresh_token: held.refresh });
      // Meanwhile the person may have signed out.
      if (this.#held === held) this.#held = { ...held, ...tokens, refresh: tokens.refresh ?? held.refresh };
    } catch (cause) {
      if (cause instanceof SignInFailed && cause.refused) throw new SignedOut("signed out", { cause });
      throw new CannotCheck("the login could not be renewed", { cause });
    }
  }

  /** What the provider gives for a grant. @param {Record<string, string>} grant */
  async #granted(grant) {
    const provider = await this.#provider();
    const given = await fetched(provider.token_endpoint, {
      method: "POST",
      body: new URLSearchParams({ ...grant, client_id: this.#signIn.client_id, ...this.#resource() }),
    });
    if (typeof given.access_token !== "string" || String(given.token_type).toLowerCase() !== "bearer") {
      throw new SignInFailed("no token");
    }
    const until = performance.now() + (Number(given.expires_in) * 1000 || 300_000) - EARLY_MS;
    const refresh = typeof given.refresh_token === "string" ? given.refresh_token : null;
    return { tokens: { token: given.access_token, refresh, until }, identity: given.id_token };
  }

  /** The API that the token is for (RFC 8707), where one is set. @returns {Record<string, string>} */
  #resource() {
    return this.#signIn.resource ? { resource: this.#signIn.resource } : {};
  }

  /**
   * Who signed in. The ID token comes straight from the provider over TLS, so its signature need not be checked
   * (OpenID Connect Core 1.0 section 3.1.3.7), but what it says must be for us and for this sign-in.
   * @param {unknown} token
   * @param {string} nonce
   */
  #identity(token, nonce) {
    const part = typeof token === "string" ? token.split(".")[1] : undefined;
    if (part === undefined) throw new SignInFailed("no identity");
    const octets = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(octets));
    const meant = [claims.aud].flat().includes(this.#signIn.client_id);
    if (claims.iss !== this.#signIn.issuer || !meant || claims.nonce !== nonce) throw new SignInFailed("not for us");
    return { name: String(claims.name ?? claims.sub), subject: String(claims.sub) };
  }

  /** @returns {Promise<Provider>} */
  async #provider() {
    const found = await fetched(`${this.#signIn.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (found.issuer !== this.#signIn.issuer) throw new SignInFailed("another provider");
    return found;
  }
}

/** @param {string} url @param {RequestInit} [options] @returns {Promise<any>} */
async function fetched(url, options = {}) {
  try {
    const response = await fetch(url, {
      ...options,
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new SignInFailed(`the provider answers ${response.status}`, [400, 401].includes(response.status));
    return await response.json();
  } catch (error) {
    throw error instanceof SignInFailed ? error : new SignInFailed("the provider cannot be reached");
  }
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** @param {string} text */
function ascii(text) {
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} octets */
function base64url(octets) {
  return btoa(String.fromCharCode(...octets)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
