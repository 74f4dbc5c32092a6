// Package property holds the client to its promises in worlds drawn at random:
// whatever fails, in whatever order, no call is executed twice, each error tells
// what is known, and the same session works when the faults are over. It is a
// module of its own for the sake of its dependencies, and has tests alone.
package property
