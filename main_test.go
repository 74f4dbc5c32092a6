package mcpclient_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-mcp/mcpclient"
)

// tryOnce is for tests of what a single attempt shows.
var tryOnce = mcpclient.RetryPolicy{Attempts: 1}

// TestMain fails the run if a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
