// Package faultnet breaks connections, for tests: on purpose, at a known byte,
// and the same way every time.
//
// A [Net] lays a [Plan] over each connection that a listener accepts or a dialer
// opens. The plan is decided by the connection's ordinal alone, so that a
// seed names a whole run ([Random]). It works over TCP and over net.Pipe, and
// inside bubbles of testing/synctest: delays are timers, and nothing sleeps.
//
// What a fault looks like depends on the side that it is laid over. Over a
// listener the server is cut off, and the client meets real packets of TCP; over
// a dialer the client meets the error that such packets cause, over a pipe as
// well. Tests of clients that want to know the error to the letter take the dialer.
//
// [HTTP2Server] breaks what a connection cannot: single streams of HTTP/2.
package faultnet
