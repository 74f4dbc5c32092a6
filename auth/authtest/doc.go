// Package authtest is an authorization server for tests, and the token check of
// an MCP server: real HTTP in the test's own process, strict about what a client
// sends, and every misbehaviour of deployed servers on demand. It uses nothing
// but the standard library and suits any client.
//
//	as := authtest.NewServer(t)
//	server := as.Serve(handler) // any http.Handler that speaks MCP
//	... connect a client to server.URL() ...
//
// [NewServer] is closed with the test; [Start] is for programs. [Server.Serve]
// puts a handler behind a token check on a port of its own, [Server.Protect]
// wraps it for a server that the test has, [Server.Mount] puts it at the origin
// of the authorization server, where that of 2025-03-26 has to be.
//
// # The user
//
// Whoever opens an authorization URL has agreed. [Server.Browser] opens one and
// returns what the client's callback would get; [Server.Open] calls the callback
// too, for a client that listens for it. [Server.OnConsent] asks the test, which may
// say no, take its time, or forge the callback:
//
//	as.OnConsent(func(ctx context.Context, request url.Values) authtest.Verdict {
//		return authtest.Verdict{Error: "access_denied"}
//	})
//
// # Clients
//
// They register themselves (RFC 7591), are named by [Server.AddClient] and
// [Server.AddKeyClient], or bring the URL of their metadata, if [ClientDocuments]
// is there to supply the document. [Server.ForgetClients] purges all of them.
//
// # Tokens
//
// All grants that MCP knows are there: code with PKCE, refresh with rotation,
// client credentials, the JWT bearer grant for workloads ([Server.WorkloadToken],
// [Server.Trust]) and for ID-JAGs, and the exchange at the identity provider that
// gives those out, which is another Server:
//
//	idp := authtest.NewServer(t, authtest.AnyResource())
//	as.TrustServer(idp)
//	signedIn := idp.IDToken("app")
//
// [DPoP], [RequireDPoP] and [Nonces] bind tokens to keys.
// [Server.ExpireTokens], [Server.RevokeAll] and [Server.SetTokenLifetime] end them.
// [Server.RotateNonces] makes proofs stale.
//
// # Discovery
//
// [MetadataAt], [IssuerPath] and [EndpointPath] say where the server's metadata and
// endpoints lie, [MetadataAtRoot], [MetadataAtPath], [WithoutMetadata] and
// [Unannounced] where the resource's. [Server.EditMetadata] and
// [Resource.EditMetadata] change what the documents say. [Resource.SetServers]
// moves a resource to another authorization server. [RequireScopes] asks for more
// where a request needs it, and [RewriteChallenge] writes the header as others do.
//
// # Faults
//
// A [Fault] goes wrong with one request: [Server.Next] queues it for the next one
// to an endpoint, [Server.Always] keeps it standing.
//
//	as.Next(authtest.TokenEndpoint, authtest.Status(503, "busy"), authtest.DropAfter())
//	as.Always(authtest.RegistrationEndpoint, authtest.Refuse("invalid_redirect_uri", ""))
//
// [Status], [JSON], [Refuse], [Redirect], [Hang], [Drop] and [Endless] answer in the
// server's place; [DropAfter], [Edit], [Slow] and [Hold] execute the request.
//
// # Evidence
//
// [Server.Requests] is what arrived, secrets included, and how it was answered,
// [Server.Count] how often, [Server.Tokens] what was given out: so a test says "one
// authorization for a hundred callers". [Server.Await] waits for any of it.
// [Server.Reused] counts refresh tokens that came again after rotation,
// [Server.Replayed] DPoP proofs.
//
// [Server.Violations] lists what a client did that it never may: a request without
// PKCE, state or resource, a code or an assertion sent twice, a token in a query
// or for another resource, two ways of authentication at once, a proof used again.
// Such a request is refused, and fails the test at its end unless the
// server was started with [AllowViolations]. What may happen to any client, such
// as an expired code or an unknown client, is refused and no violation.
//
// # Time
//
// A server that is started [InMemory] works inside a testing/synctest bubble, where
// a token's hour takes no time. Give NewServer the bubble's own t, and the client
// [Server.HTTPClient], the only one that reaches it. [Beside] puts a second server
// into the same memory.
package authtest
