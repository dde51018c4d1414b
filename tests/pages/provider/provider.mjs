/**
 * The OpenID provider of a third party (oidc-provider), set up as a bank would: two pages as clients without a secret,
 * access tokens for the API of the service (RFC 8707, RFC 9068), and roles in a nested claim. It asks for a sign-in again
 * if a page asks for a stronger one (RFC 9470).
 *
 * node provider.mjs '{"port": 9000, "audiences": ["https://verify.bank.example"], "lifetime": 3600,
 *   "pages": {"console": "http://127.0.0.1:8080/officer/", "app": "http://127.0.0.1:8080/app/"}}'
 */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import Provider, { errors, interactionPolicy } from "oidc-provider";

const { port, audiences, lifetime, pages } = JSON.parse(process.argv[2]);

const PEOPLE = {
  4412: { name: "李伟", roles: ["Verifier.Officer"] },
  9001: { name: "周敏", roles: ["Verifier.Lead"] },
  7000: { name: "Somebody Else", roles: ["Payroll.Clerk"] },
  "cust-0001": { name: "王芳", roles: [] },
};

const STRONG = "urn:bank:two-factors";
/** Whether a page asks for the strong sign-in. */
const asksForStrong = (params) => (params.acr_values ?? "").split(" ").includes(STRONG);

const { Check, base } = interactionPolicy;
const policy = base();
policy
  .get("login")
  .checks.add(new Check("too_weak", "a stronger sign-in is asked for", ({ oidc }) => asksForStrong(oidc.params) && oidc.acr !== STRONG));

const key = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ format: "jwk" });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...key, kid: "one", use: "sig", alg: "ES384" }] },
  enabledJWA: { idTokenSigningAlgValues: ["ES384"] },
  clients: Object.entries(pages).map(([client_id, page]) => ({
    client_id,
    redirect_uris: [page],
    post_logout_redirect_uris: [page],
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    id_token_signed_response_alg: "ES384",
  })),
  scopes: ["openid", "profile", "calls"],
  claims: { openid: ["sub"], profile: ["name"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id, name: PEOPLE[id].name }) },
  extraTokenClaims: ({ oidc }, token) => ({
    realm_access: { roles: PEOPLE[token.accountId].roles },
    acr: (oidc.entities.AuthorizationCode ?? oidc.entities.RefreshToken)?.acr,
  }),
  acrValues: [STRONG],
  interactions: { policy },
  features: {
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => {
        if (!audiences.includes(audience)) throw new errors.InvalidTarget();
        const jwt = { sign: { alg: "ES384" } };
        return { audience, scope: "calls", accessTokenFormat: "jwt", accessTokenTTL: lifetime, jwt };
      },
    },
  },
  issueRefreshToken: () => true,
  clientBasedCORS: (_, origin, client) => client.redirectUris.some((each) => new URL(each).origin === origin),
  cookies: { keys: [randomBytes(32).toString("hex")] },
  pkce: { required: () => true },
});

// The provider's own screens sign people in by name. Where a stronger sign-in is asked for, that counts as one.
provider.use(async (ctx, next) => {
  if (ctx.method !== "POST" || !ctx.path.startsWith("/interaction/")) return next();
  ctx.req.body = Object.fromEntries(new URLSearchParams(await text(ctx.req)));
  const { prompt, login } = ctx.req.body;
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt !== "login" || !asksForStrong(params)) return next();
  ctx.respond = false;
  const result = { login: { accountId: login, acr: STRONG, amr: ["hwk"] } };
  return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
});

provider.on("server_error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => console.log("listening"));
