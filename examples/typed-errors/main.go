// Typed-errors decides what to do about a failed call by what the error proves, never by its text. The server keeps a cart
// in the session, so a lost session must not be replaced behind the application's back: ReinitializeNever.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func main() {
	server := mcptest.Start()
	defer server.Close()
	ctx := context.Background()
	client := &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	busy := mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "busy")
	for _, fault := range []mcptest.Fault{busy, mcptest.Refuse(mcptest.GoSDK), mcptest.Status(401, nil, "who are you?"), mcptest.DropAfter()} {
		fmt.Println("--- the server:", fault)
		server.Next(fault.On("tools/call"))
		if err := buy(ctx, session); err != nil {
			fmt.Println("given up:", advice(err))
		}
	}
}

// buy repeats the call as long as an error proves that nothing was bought and says that trying again makes sense.
func buy(ctx context.Context, session *mcpclient.Session) error {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		_, err := session.CallTool(ctx, "echo", map[string]string{"text": "one pizza"})
		wait, again := mcpclient.RetryAfter(err)
		switch {
		case err == nil:
			fmt.Println("bought")
			return nil
		case errors.Is(err, mcpclient.ErrSessionInvalid): // and the cart with it
			fmt.Println(err)
			if err := session.Reinitialize(ctx); err != nil {
				return err
			}
			fmt.Println("new session: here the application fills the cart again")
		case again:
			fmt.Println(err)
			select {
			case <-time.After(max(wait, pause)): // the server's wish, and a backoff where it has none
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return err
		}
	}
}

// advice branches on the type of an error.
func advice(err error) string {
	var call *mcpclient.CallError
	var refused *mcpclient.HTTPError
	switch {
	case !errors.As(err, &call):
		return err.Error()
	case !mcpclient.SafeToRetry(err):
		return fmt.Sprintf("delivery %s, so look into the orders first (%v)", call.Delivery, call.Err)
	case errors.Is(err, mcpclient.ErrUnauthorized) && errors.As(err, &refused):
		return fmt.Sprintf("delivery %s, log in first (HTTP %d)", call.Delivery, refused.StatusCode)
	default:
		return fmt.Sprintf("delivery %s, change the call first (%v)", call.Delivery, call.Err)
	}
}
