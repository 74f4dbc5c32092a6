package mcpclient

// Filter is a placeholder.
type Filter struct{}
type listenFilter struct{}

func (f Filter) wire() listenFilter { return listenFilter{} }
