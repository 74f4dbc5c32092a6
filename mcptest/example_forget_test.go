package mcptest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The server forgets its sessions and says so as servers on an older Python
// SDK do. A client goes on by default; here it was asked to report the loss.
func ExampleServer_ForgetSessions() {
	srv := mcptest.Start(mcptest.RefusalWay(mcptest.PythonText))
	defer srv.Close()

	ctx := context.Background()
	client := &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever}
	session, err := client.Connect(ctx, srv.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	srv.ForgetSessions()
	_, err = session.CallTool(ctx, "echo", map[string]any{"text": "anybody there?"})
	fmt.Println("session invalid:", errors.Is(err, mcpclient.ErrSessionInvalid))
	fmt.Println("executed:", srv.Executed())
	// Output:
	// session invalid: true
	// executed: 0
}

// Every third call makes the server forget its sessions. The client opens a new
// one each time, and the caller does not notice.
func ExampleForgetEvery() {
	srv := mcptest.Start(mcptest.ForgetEvery(3))
	defer srv.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, srv.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for i := range 10 {
		if _, err := session.CallTool(ctx, "add", map[string]any{"a": i, "b": 1}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("executed:", srv.Executed())
	fmt.Println("sessions forgotten:", srv.Forgotten())
	fmt.Println("sessions opened:", srv.Initializes())
	// Output:
	// executed: 10
	// sessions forgotten: 3
	// sessions opened: 4
}
