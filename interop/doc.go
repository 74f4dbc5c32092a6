// Package interop runs the client against servers of other makers: real ones, each in a process of its own, behind a proxy that
// counts what passes. Its tests are the whole package; README.md says how to run them and what came of it.
package interop
