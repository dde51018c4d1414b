/**
 * The OpenID provider of a third party (oidc-provider), set up as a bank would: two pages as clients without a secret,
 * access tokens for the API of the service (RFC 8707, RFC 9068), and roles in a nested claim.
 *
 * node provider.mjs '{"port": 9000, "audiences": ["https://verify.bank.example"], "lifetime": 3600,
 *   "pages": {"console": "http://127.0.0.1:8080/officer/", "app": "http://127.0.0.1:8080/app/"}}'
 */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider, { errors } from "oidc-provider";

const { port, audiences, lifetime, pages } = JSON.parse(process.argv[2]);

const PEOPLE = {
  4412: { name: "李伟", roles: ["Verifier.Officer"] },
  9001: { name: "周敏", roles: ["Verifier.Lead"] },
  7000: { name: "Somebody Else", roles: ["Payroll.Clerk"] },
  "cust-0001": { name: "王芳", roles: [] },
};

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
  extraTokenClaims: (_, token) => ({ realm_access: { roles: PEOPLE[token.accountId].roles } }),
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

provider.on("server_error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => console.log("listening"));
