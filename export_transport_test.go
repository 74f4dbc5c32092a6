package mcpclient

import "time"

// AgeConnections makes the session believe that its last request was so much longer ago. The pause that makes idle
// connections unsafe is of seconds, and on a real network no clock can be turned.
func AgeConnections(s *Session, d time.Duration) { s.core.transport.lastUse.Add(-int64(d)) }
