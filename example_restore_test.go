package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// An application whose state lives in the server's session rebuilds it in Restore, before any other call can use the new
// session. With ReinitializeOnly the refused call is not repeated: the application learns of the loss and decides.
func ExampleClient_restore() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	login := func(ctx context.Context, session *mcpclient.Session) error {
		_, err := session.CallTool(ctx, "echo", map[string]any{"text": "login"})
		return err
	}
	client := &mcpclient.Client{
		Reinitialize: mcpclient.ReinitializeOnly,
		Restore:      login,
	}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	if err := login(ctx, session); err != nil { // Connect does not run Restore
		log.Fatal(err)
	}

	server.ForgetSessions()
	_, err = session.CallTool(ctx, "echo", map[string]any{"text": "step 2"})
	fmt.Println("session lost:", errors.Is(err, mcpclient.ErrSessionInvalid), "- safe to repeat:", mcpclient.SafeToRetry(err))

	if _, err = session.CallTool(ctx, "echo", map[string]any{"text": "step 1, once more"}); err != nil {
		log.Fatal(err)
	}
	for _, e := range server.Executions() {
		fmt.Println(string(e.Arguments))
	}
	// Output:
	// session lost: true - safe to repeat: true
	// {"text":"login"}
	// {"text":"login"}
	// {"text":"step 1, once more"}
}
