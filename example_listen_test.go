package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A program keeps its list of tools up to date, through lost connections and lost sessions.
func ExampleSession_Listen() {
	ctx, stop := context.WithCancel(context.Background())
	server := mcptest.Start(mcptest.StandaloneStream())
	defer server.Close()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	go func() { // the server's people at work
		if server.Await(ctx, func() bool { return server.Listening() > 0 }) == nil {
			server.AddTool(mcpclient.Tool{Name: "weather"}, nil)
		}
	}()
	err = watchTools(ctx, session, func(tools []*mcpclient.Tool) {
		if len(tools) == 3 { // echo, add, and now
			fmt.Println(tools[2].Name)
			stop()
		}
	})
	fmt.Println("the end of its context ends it:", errors.Is(err, context.Canceled))
	// Output:
	// weather
	// the end of its context ends it: true
}

func watchTools(ctx context.Context, session *mcpclient.Session, use func([]*mcpclient.Tool)) error {
	for _, err := range session.Listen(ctx, mcpclient.Filter{Tools: true}) {
		if err != nil {
			return err
		}
		// Each event is a reason to look: listening has begun, the list has changed, or it may have.
		tools, err := mcpclient.Collect(session.Tools(ctx))
		if err != nil {
			return err
		}
		use(tools)
	}
	return nil
}
