// Errgroup fetches many things at once through one session. That the server has forgotten the session is no error of any
// call: one new session is opened for all. A city that does not exist is: it ends its own call, and so the group.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// weather is what the tool of this name answers.
type weather struct {
	City    string  `json:"city"`
	Celsius float64 `json:"celsius"`
}

// forecasts asks for all cities, eight at a time. The first error cancels the calls that are left.
func forecasts(ctx context.Context, session mcpclient.ToolCaller, cities []string) ([]weather, error) {
	results := make([]weather, len(cities))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, city := range cities {
		group.Go(func() error {
			var err error
			results[i], err = mcpclient.CallAs[weather](ctx, session, "weather", map[string]string{"city": city})
			return err
		})
	}
	return results, group.Wait()
}

func main() {
	server := mcptest.Start()
	defer server.Close()
	server.AddTool(mcpclient.Tool{Name: "weather", Description: "The weather in a city."}, serveWeather)

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	server.ForgetSessions() // as a restart does: the first eight calls are refused, all at once
	cities := []string{"Oslo", "Lima", "Rome", "Kyiv", "Cairo", "Delhi", "Quito", "Perth", "Turin", "Accra", "Osaka", "Lagos"}
	results, err := forecasts(ctx, session, cities)
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range results {
		fmt.Printf("%s %.0f°C  ", w.City, w.Celsius)
	}
	fmt.Printf("\nsessions lost: %d, opened in its place: %d\n", session.Stats().Losses, session.Stats().Initializes-1)

	_, err = forecasts(ctx, session, []string{"Oslo", "Atlantis"})
	if _, ok := errors.AsType[*mcpclient.ToolError](err); !ok {
		log.Fatalf("expected the tool's own error, got %v", err)
	}
	fmt.Println(err)
}

func serveWeather(_ context.Context, request *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	var args struct{ City string }
	if err := request.Decode(&args); err != nil {
		return nil, err
	}
	if args.City == "Atlantis" {
		return nil, errors.New("no such city")
	}
	result := mcptest.Text("")
	result.Structured = fmt.Appendf(nil, `{"city":%q,"celsius":%d}`, args.City, 3*len(args.City))
	return result, nil
}
