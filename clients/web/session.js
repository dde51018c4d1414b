/**
 * Signs in at the bank's OpenID provider: the code flow with PKCE (RFC 7636, RFC 9700), for a page without a secret.
 * Implements specs/protocol.md section 12.1. The token is only in the memory of this page.
 */

import { CannotCheck } from "../typescript/src/client.js";

/** @typedef {{issuer: string, client_id: string, scope: string, resource: string}} SignIn */
/**
 * A sign-in that the provider has not answered yet. `stepUp` is true if the service has asked for a stronger one.
 * @typedef {{verifier: string, state: string, nonce: string, route: string, stepUp: boolean, provider: Provider}} Pending
 */
/** @typedef {{authorization_endpoint: string, token_endpoint: string, end_session_endpoint?: string}} Provider */

/** How long before its end a token is renewed. */
const EARLY_MS = 15_000;

/** No person is signed in, or the login has ended. */
export class SignedOut extends Error {}

/** The sign-in failed. `reason` is the provider's error code, or ours. `refused` is true if the provider refused. */
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
  #steppedUp = false;
  /** @type {Provider | null} */
  #found = null;
  #signIn;
  #pendingKey;
  #knownKey;
  #home;

  /**
   * @param {SignIn} signIn
   * @param {string} page "app" or "officer", so that two pages of one origin do not share their state
   */
  constructor(signIn, page) {
    this.#signIn = signIn;
    this.#pendingKey = `${page}-leaving`;
    this.#knownKey = `${page}-known`;
    this.#home = `${location.origin}/${page}/`;
  }

  /** Whether somebody else has signed the person in. */
  get provided() {
    return false;
  }

  /** The person's name, from the provider. */
  get name() {
    return this.#held?.name ?? "";
  }

  /** The person's id at the provider. For staff, it is the staff number. */
  get subject() {
    return this.#held?.subject ?? "";
  }

  /** Whether the person has signed in because the service had asked for a stronger sign-in. */
  get steppedUp() {
    return this.#steppedUp;
  }

  /**
   * Return the access token. It is renewed shortly before its end if the provider has issued a refresh token (RFC 6749
   * section 6). Raises SignedOut if there is no valid token, and CannotCheck if it cannot be renewed now.
   * @returns {Promise<string>}
   */
  async token() {
    // Use the monotonic clock, since the phone's wall clock may be wrong by a day.
    if (this.#held !== null && performance.now() > this.#held.until) {
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
      await this.#renewing;
    }
    if (this.#held === null) throw new SignedOut();
    return this.#held.token;
  }

  /** Forget the token, since the service no longer accepts it. */
  forget() {
    this.#held = null;
  }

  /**
   * Finish the sign-in if the provider has redirected to this page. Return whether a person is signed in.
   * A page that was signed in before a reload redirects to the provider, which usually redirects back at once.
   * Raises SignInFailed.
   */
  async resume() {
    const answer = new URLSearchParams(location.search);
    const stored = sessionStorage.getItem(this.#pendingKey);
    sessionStorage.removeItem(this.#pendingKey);
    if (answer.has("state")) {
      // Remove the code from the address, which reaches histories and screenshots.
      const pending = /** @type {Pending | null} */ (JSON.parse(stored ?? "null"));
      history.replaceState(null, "", this.#home + (pending?.route ?? ""));
      await this.#finish(answer, pending);
      return true;
    }
    if (sessionStorage.getItem(this.#knownKey) === null) return false;
    sessionStorage.removeItem(this.#knownKey);
    await this.redirect();
    return false;
  }

  /**
   * Redirect to the provider, which unloads this page. Return that nobody is signed in yet. Raises SignInFailed if the provider does not answer. Afterwards
   * the provider leads back to this route.
   * @param {readonly string[] | null} [acrValues] the contexts of a stronger sign-in (RFC 9470), or any if it is empty
   */
  async redirect(acrValues = null) {
    const provider = await this.#provider();
    const stepUp = acrValues !== null;
    const pending = { verifier: random(), state: random(), nonce: random(), route: location.hash, stepUp, provider };
    sessionStorage.setItem(this.#pendingKey, JSON.stringify(pending));
    const asked = new URLSearchParams({
      response_type: "code",
      client_id: this.#signIn.client_id,
      redirect_uri: this.#home,
      scope: this.#signIn.scope,
      ...this.#resource(),
      ...stronger(acrValues),
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", ascii(pending.verifier)))),
      code_challenge_method: "S256",
    });
    location.assign(`${provider.authorization_endpoint}?${asked}`);
    return false;
  }

  /** Sign out here and at the provider. */
  async signOut() {
    this.#held = null;
    sessionStorage.removeItem(this.#knownKey);
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

  /** @param {URLSearchParams} answer @param {Pending | null} pending */
  async #finish(answer, pending) {
    if (pending === null || answer.get("state") !== pending.state) throw new SignInFailed("not asked for");
    const issuer = answer.get("iss");
    if (issuer !== null && issuer !== this.#signIn.issuer) throw new SignInFailed("another provider");
    // Found before the person left for it: one request less before the first screen.
    this.#found = pending.provider;
    const code = answer.get("code");
    if (code === null) throw new SignInFailed(answer.get("error") ?? "no code");
    const given = await this.#granted({
      grant_type: "authorization_code",
      code,
      redirect_uri: this.#home,
      code_verifier: pending.verifier,
    });
    this.#held = { ...given.tokens, ...this.#identity(given.identity, pending.nonce) };
    this.#steppedUp = pending.stepUp;
    sessionStorage.setItem(this.#knownKey, "1");
  }

  /** Replace the token before its end. */
  async #renew() {
    const held = this.#held;
    if (!held?.refresh) throw new SignedOut();
    try {
      const { tokens } = await this.#granted({ grant_type: "refresh_token", refresh_token: held.refresh });
      // The person may have signed out in the meantime.
      if (this.#held === held) this.#held = { ...held, ...tokens, refresh: tokens.refresh ?? held.refresh };
    } catch (cause) {
      if (cause instanceof SignInFailed && cause.refused) throw new SignedOut("signed out", { cause });
      throw new CannotCheck("the login could not be renewed", { cause });
    }
  }

  /** Request tokens from the provider. @param {Record<string, string>} grant */
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

  /** The parameter that names the API of the token (RFC 8707), if one is set. @returns {Record<string, string>} */
  #resource() {
    return this.#signIn.resource ? { resource: this.#signIn.resource } : {};
  }

  /**
   * Read the person's name and id from the ID token. It comes directly from the provider over TLS, so its signature
   * need not be checked (OpenID Connect Core 1.0 section 3.1.3.7). Its issuer, audience and nonce must match this
   * sign-in.
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
    if (this.#found !== null) return this.#found;
    const found = await fetched(`${this.#signIn.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (found.issuer !== this.#signIn.issuer) throw new SignInFailed("another provider");
    this.#found = found;
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

/**
 * Return the parameters that ask for a stronger sign-in. Without a context to ask for, the person must sign in again,
 * so that they can choose another way.
 * @param {readonly string[] | null} acrValues
 * @returns {Record<string, string>}
 */
function stronger(acrValues) {
  if (acrValues === null) return {};
  return acrValues.length > 0 ? { acr_values: acrValues.join(" ") } : { prompt: "login" };
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
