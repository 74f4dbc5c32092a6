// Package authtest has a fake authorization server and a token check for MCP
// servers, for the tests of programs that use package auth.
package authtest
