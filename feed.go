package mcpclient

// feed is a stream of what belongs to no call, over all its connections. It
// belongs to the goroutine that reads it.
type feed struct {
	filter Filter // what the stream is to carry, where the server wants to know
	place  streamPlace
}
