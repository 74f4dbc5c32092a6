package auth

// hidden keeps a secret of any type in an unexported field. There fmt calls no
// methods and prints what it finds, through pointers and interfaces if the verb
// does not fit. Of a function it prints the address alone.
type hidden[T any] func() T

func hide[T any](value T) hidden[T] { return func() T { return value } }
