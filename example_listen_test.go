package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A program keeps its list of tools up to date, through lost connections and lost sessions.
func ExampleSession_Listen() {
	ctx := context.Background()
	server := mcptest.Start(mcptest.StandaloneStream())
	defer server.Close()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	for event, err := range session.Listen(ctx, mcpclient.Filter{Tools: true}) {
		if err != nil {
			log.Fatal(err)
		}
		switch event.Kind {
		case mcpclient.EventListening:
			fmt.Println("the server tells of changed tools:", event.Accepted.Tools)
			server.AddTool(mcpclient.Tool{Name: "weather"}, nil)
		case mcpclient.EventToolsChanged: // or, if event.Synthetic, perhaps changed
			tools, err := mcpclient.Collect(session.Tools(ctx))
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(len(tools), "tools")
			return
		}
	}
	// Output:
	// the server tells of changed tools: true
	// 3 tools
}
