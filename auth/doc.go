// Package auth authorizes the requests of an MCP client: from a bearer token to
// OAuth 2.1 with discovery, registration, refresh and step-up.
package auth
