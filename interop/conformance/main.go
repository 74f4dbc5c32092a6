// Command conformance is the client that the official conformance suite tests. The suite starts it once for each scenario, with the
// scenario's name in the environment and the address of a server as the last argument, and judges what it did. run.sh runs the suite.
//
// It only uses the library as an application does: which version of the protocol the server speaks, and what that asks for on the
// wire, is the library's business.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/interop/wirecheck"
)

// The environment that the suite sets.
const (
	scenarioVariable = "MCP_CONFORMANCE_SCENARIO"
	contextVariable  = "MCP_CONFORMANCE_CONTEXT" // JSON, for few scenarios
)

// patience is less than the suite's, so that a client that waits in vain says what for.
const patience = 25 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("the address of the server is missing")
	}
	name := os.Getenv(scenarioVariable)
	play, ok := scenarios()[name]
	if strings.HasPrefix(name, "auth/") { // they differ in what comes before a session, and in what the servers make of it
		play, ok = callTools("test-tool"), true
	}
	if !ok {
		return fmt.Errorf("%s: there is no scenario %q here", scenarioVariable, name)
	}
	schemas, err := wirecheck.FromEnvironment()
	if err != nil {
		return err
	}
	monitor := schemas.Monitor(methodListSkills)
	defer reportFaults(monitor)

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := newClient(monitor)
	if client.Authorizer, err = authorizerFor(ctx, name, os.Args[1]); err != nil {
		return err
	}
	session, err := client.Connect(ctx, os.Args[1])
	if err != nil {
		return err
	}
	return errors.Join(play(ctx, session), session.Close())
}

// newClient is the client of every scenario: what an application sets, and the monitor between it and the network.
func newClient(monitor *wirecheck.Monitor) *mcpclient.Client {
	return &mcpclient.Client{
		Name:       "mcpclient-conformance",
		Version:    "1.0.0",
		Elicit:     agree,
		HTTPClient: &http.Client{Transport: monitor.Transport(http.DefaultTransport)},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
}

// agree is a user who says yes to every question and leaves the rest of the form as it is: the library fills in the defaults.
func agree(_ context.Context, asked *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
	content := make(map[string]any)
	for _, field := range asked.Fields {
		if field.Kind == mcpclient.FieldBoolean && field.Default == nil {
			content[field.Name] = true
		}
	}
	return mcpclient.Accept(content), nil
}

// reportFaults prints what was sent or received against the protocol's schema. run.sh fails a scenario in which the client was at
// fault; some of the suite's servers are meant to be.
func reportFaults(monitor *wirecheck.Monitor) {
	ofClient, ofServer := monitor.Faults()
	for _, fault := range append(ofClient, ofServer...) {
		fmt.Fprintln(os.Stderr, "wirecheck:", fault)
	}
	if checked := monitor.Summary(); checked != "" {
		fmt.Fprintln(os.Stderr, "wirecheck: messages checked:", checked)
	}
}
