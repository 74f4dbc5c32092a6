// An authorization server of another maker: oidc-provider, certified for OpenID Connect. It registers clients, wants PKCE, rotates
// refresh tokens, and issues opaque access tokens for one resource, which that resource looks up by introspection.
import { setInterval as every } from "node:timers";
import Provider, { errors } from "oidc-provider";

const { PORT, RESOURCE, TOKEN_SECONDS, RESOURCE_SECRET, MACHINE_SECRET, MACHINE_JWK } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const machine = { redirect_uris: [], response_types: [], grant_types: ["client_credentials"] };

const provider = new Provider(issuer, {
  clients: [
    { ...machine, client_id: "resource", client_secret: RESOURCE_SECRET, grant_types: [] },
    { ...machine, client_id: "machine", client_secret: MACHINE_SECRET, scope: "tools:read tools:call" },
    {
      ...machine,
      client_id: "signing-machine",
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: { keys: [JSON.parse(MACHINE_JWK)] },
      scope: "tools:read tools:call",
    },
  ],
  scopes: ["openid", "offline_access", "tools:read", "tools:call"],
  features: {
    registration: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, client) => client.clientId === "resource" },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    devInteractions: { enabled: true }, // a login and a consent page, which the test's browser fills in
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => {
        if (resource !== RESOURCE) throw new errors.InvalidTarget();
        return { scope: "tools:read tools:call", audience: RESOURCE, accessTokenFormat: "opaque", accessTokenTTL: Number(TOKEN_SECONDS) };
      },
      useGrantedResource: () => true,
    },
  },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  clientBasedCORS: () => false,
  pkce: { required: () => true },
  cookies: { keys: ["interop"] },
  ttl: { AccessToken: Number(TOKEN_SECONDS), ClientCredentials: Number(TOKEN_SECONDS), RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 3600 },
});

for (const event of ["server_error", "grant.error", "authorization.error", "registration_create.error"]) {
  provider.on(event, (ctx, error) => console.error(event, error.message, error.error_detail ?? "", error.error_description ?? ""));
}
provider.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on ${issuer}`));

// The test holds the standard input open; when it is gone, so is the server.
process.stdin.resume().on("end", () => process.exit(0));
every(() => {}, 1 << 30);
