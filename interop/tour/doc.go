// Package tour calls every method of a session in every version of the protocol, with a monitor at the wire that holds each message
// against the published schema. Its tests are the whole package.
package tour
