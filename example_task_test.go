package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A tool that takes its time runs as a task, which lives at the server: whoever has its ID can wait for it.
func ExampleSession_AwaitTask() {
	server := mcptest.Start()
	defer server.Close()
	server.AddTool(mcpclient.Tool{Name: "render", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}},
		func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			return mcptest.Text("film.mp4"), nil
		})

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	task, err := session.CallToolAsTask(ctx, "render", map[string]string{"scene": "sunrise"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("keep", task.ID)

	// Perhaps tomorrow, and in another process.
	result, err := session.AwaitTask(ctx, &mcpclient.Task{ID: task.ID})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output:
	// keep task-1
	// film.mp4
}
