// Package auth authorizes the requests of an MCP client: with a token that the
// application has, or by the flows of OAuth 2.1 that the Model Context Protocol
// prescribes, for a user and for a machine.
//
//	authorizer, err := auth.NewInteractive(auth.InteractiveConfig{
//		ClientName: "My Agent",
//		Prompter:   &auth.LoopbackPrompter{},
//	})
//	client := &mcpclient.Client{Authorizer: authorizer}
//	session, err := client.Connect(ctx, "https://mcp.example.com/mcp") // the user agrees meanwhile
//
// An [Authorizer] is two methods over net/http, so the package serves any client
// and imports none. One value serves any number of servers and sessions, each
// server with a token of its own.
//
// # Which one
//
//   - A token, an API key: [Bearer], [BearerFunc], [Header].
//   - Tokens that another package gets: [FromTokenSource].
//   - A person at this machine: [NewInteractive] with a [LoopbackPrompter], which opens the
//     browser, or a [PastePrompter], where there is none.
//   - A person in a browser elsewhere, the user of a web application: NewInteractive
//     without a Prompter, [Interactive.Begin] and [Interactive.Complete].
//   - A service without a user: [NewClientCredentials]; with a private key if the
//     authorization server takes one, for a secret that is sent can be stolen.
//   - A workload whose platform gives it an identity (Kubernetes, SPIFFE, a cloud): [NewWorkload].
//   - The employees of a company, whose identity provider decides: [NewEnterprise].
//
// For a gateway that acts for many users over one session, make one authorizer a
// user, with the user's name as [Options.Profile] where they share a [Store], and
// give it to each call.
//
// # What happens
//
// The first request goes out without a token, or with the one of an earlier run. The
// server's refusal names its metadata (RFC 9728), that names the authorization
// server, whose metadata (RFC 8414) names its endpoints. The client gets itself
// known there: by a [Registration] made by hand, by the URL of its
// [ClientDocument], or by dynamic registration (RFC 7591), in this order. The user
// agrees, the code is exchanged under PKCE, the token is stored, and the request
// is sent again. A token is refreshed before it expires; one that allows too little is replaced by one that
// allows more. When the server moves to another authorization server, all of this
// is done there, and nothing of the old one is shown to it.
//
// Any number of requests that are refused together share one flow, which lasts as
// long as one of them waits. A user who said no is not asked again for half a
// minute. A refresh that has begun is brought to its end, since the old refresh
// token may be dead by then. Processes that share a [FileStore] take turns, and
// the second finds the first one's token.
//
// [Options].Observer tells of each step; [LogEvents] writes them to a log.
//
// # Safety
//
// An MCP server is trusted with nothing but its own tokens, and everything that it
// names is somebody else's choice. So a token goes to the server that it was
// issued for and to no other. Metadata must be about the server that it was asked
// for, and by the issuer that it was asked of; a server of which that is not true
// gets an error, and [Policy] says what may be loosened. All URLs are https, but
// on this machine. Addresses are checked as they are dialed, so that a public
// server cannot make the client speak to the inside of a network; see
// [HTTPPolicy]. A redirect never takes credentials anywhere. Secrets of machines are pinned to the issuer that the
// configuration names. What an authorization server sends back is held against the
// state, the issuer (RFC 9207) and the verifier of the very request that was made.
//
// A token for another service, or one that the application's own caller has sent,
// must not be given to an MCP server, by [Bearer] or otherwise: whoever gets it can use it.
//
// # Errors
//
// Every error of the package's own matches [ErrAuthorization], and each cause has a
// type, from [InteractionRequiredError] to [StoreError]. Those that pass by
// themselves have a method Temporary that says so. None holds a token, a secret or
// a code, and what others wrote is quoted and cut. An mcpclient wraps each in its
// AuthorizationError, which matches ErrUnauthorized.
//
// # Tests
//
// Package authtest is an authorization server for tests.
package auth
