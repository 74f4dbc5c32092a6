package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/holdfast-mcp/mcpclient"
)

// A scenario is what the client does on a session that has been opened. The suite watches it from the other side.
type scenario func(context.Context, *mcpclient.Session) error

func scenarios() map[string]scenario {
	return map[string]scenario{
		"initialize":                          listTools,
		"tools_call":                          callAddNumbers,
		"elicitation-sep1034-client-defaults": callTools("test_client_elicitation_defaults"),
		"sse-retry":                           callTools("test_reconnection"),
		"request-metadata":                    listTools,
		"sep-2322-client-request-state": callTools("test_mrtr_echo_state", "test_mrtr_no_state", "test_mrtr_unrelated",
			"test_mrtr_no_result_type"),
		"http-standard-headers":            useEachNoun,
		"http-custom-headers":              callAsTold,
		"http-invalid-tool-headers":        callWhatIsListed,
		"json-schema-ref-no-deref":         listTools,
		"json-schema-2020-12-preservation": echoSchema,
		"sep-2640-client-no-prefetch":      listSkills,

		"sep-2640-client-verify-digest":      loadSkills,
		"sep-2640-client-verify-size":        loadSkills,
		"sep-2640-client-verify-frontmatter": loadSkills,
	}
}

func listTools(ctx context.Context, s *mcpclient.Session) error {
	_, err := mcpclient.Collect(s.Tools(ctx))
	return err
}

func callAddNumbers(ctx context.Context, s *mcpclient.Session) error {
	if err := listTools(ctx, s); err != nil {
		return err
	}
	return call(ctx, s, "add_numbers", map[string]int{"a": 5, "b": 3})
}

// callTools lists the tools and calls the named ones, one after the other, without arguments.
func callTools(names ...string) scenario {
	return func(ctx context.Context, s *mcpclient.Session) error {
		if err := listTools(ctx, s); err != nil {
			return err
		}
		for _, name := range names {
			if err := call(ctx, s, name, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

// call calls a tool for which a failure of its own is a failure of the scenario.
func call(ctx context.Context, s *mcpclient.Session, name string, args any) error {
	result, err := s.CallTool(ctx, name, args)
	if err != nil {
		return err
	}
	return result.Err()
}

// useEachNoun lists and uses tools, resources and prompts.
func useEachNoun(ctx context.Context, s *mcpclient.Session) error {
	if err := callTools("test_headers")(ctx, s); err != nil {
		return err
	}
	resources, err := mcpclient.Collect(s.Resources(ctx))
	if err != nil {
		return err
	}
	if len(resources) == 0 {
		return errors.New("the server lists no resource")
	}
	if _, err := s.ReadResource(ctx, resources[0].URI); err != nil {
		return err
	}
	if _, err := mcpclient.Collect(s.Prompts(ctx)); err != nil {
		return err
	}
	_, err = s.GetPrompt(ctx, "test_prompt", nil)
	return err
}

// callAsTold makes the calls that the suite prescribes, with its arguments as they are.
func callAsTold(ctx context.Context, s *mcpclient.Session) error {
	var told struct {
		ToolCalls []struct {
			Name      string
			Arguments json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(os.Getenv(contextVariable)), &told); err != nil {
		return fmt.Errorf("%s: %w", contextVariable, err)
	}
	if err := listTools(ctx, s); err != nil {
		return err
	}
	for _, c := range told.ToolCalls {
		if err := call(ctx, s, c.Name, c.Arguments); err != nil {
			return err
		}
	}
	return nil
}

// callWhatIsListed calls every tool that the library lets through.
func callWhatIsListed(ctx context.Context, s *mcpclient.Session) error {
	tools, err := mcpclient.Collect(s.Tools(ctx))
	if err != nil {
		return err
	}
	for _, tool := range tools {
		if err := call(ctx, s, tool.Name, nil); err != nil {
			return err
		}
	}
	return nil
}

// echoSchema hands a tool's schema back as the library gave it.
func echoSchema(ctx context.Context, s *mcpclient.Session) error {
	tools, err := mcpclient.Collect(s.Tools(ctx))
	if err != nil {
		return err
	}
	for _, tool := range tools {
		if tool.Name == "json_schema_2020_12_tool" {
			return call(ctx, s, "json_schema_echo", map[string]any{"schema": tool.InputSchema})
		}
	}
	return errors.New("the server does not list the tool with the schema")
}
