// Package wirecheck holds every message between a client and a server against the published JSON Schema of the protocol version in
// use. A Monitor stands at the wire, as an http.RoundTripper of the client or of a proxy; it changes nothing, and remembers what was
// not valid and who said it.
package wirecheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// FolderVariable names the environment variable with the folder of the schemas: one file for each version of the protocol, as
// published, named <version>.json.
const FolderVariable = "MCPCLIENT_SCHEMAS"

// Schemas are the compiled schemas of all versions. They are immutable. A nil *Schemas stands for "no schemas here": its monitors
// check nothing.
type Schemas struct {
	versions map[string]*vocabulary
}

// FromEnvironment loads the folder that the environment names. Without the variable there are no schemas, which under CI=true is an
// error: there, nothing may pass unchecked.
func FromEnvironment() (*Schemas, error) {
	folder := os.Getenv(FolderVariable)
	switch {
	case folder != "":
		return Load(folder)
	case os.Getenv("CI") == "true":
		return nil, fmt.Errorf("under CI=true %s must name the folder of the protocol's schemas", FolderVariable)
	default:
		return nil, nil
	}
}

// Load compiles every <version>.json of a folder.
func Load(folder string) (*Schemas, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no schema", folder)
	}
	s := &Schemas{versions: map[string]*vocabulary{}}
	for _, file := range files {
		version := strings.TrimSuffix(filepath.Base(file), ".json")
		if s.versions[version], err = loadVocabulary(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return s, nil
}

// A side is one end of the conversation.
type side int

const (
	client side = iota
	server
)

func (s side) other() side { return 1 - s }

func (s side) String() string {
	if s == client {
		return "client"
	}
	return "server"
}

// A vocabulary is what one version of the protocol lets each side say.
type vocabulary struct {
	request, notification, result, failure *definition // the envelopes
	requests, notifications                [2]map[string]*definition
	answers                                map[string]*definition // by the method that was asked: the result, or in newer schemas the whole response
	task                                   *definition            // the answer to a request that asked to be run as a task; nil before there were tasks
	errors                                 map[string]*definition // errors with a form of their own, by code
}

// A definition is one named schema.
type definition struct {
	name   string
	schema *jsonschema.Schema
	whole  bool // of an answer: the schema is that of the response, not that of its result
}

// source is what of a schema's text the vocabulary is read from. Up to 2025-06-18 the definitions stand under another name.
type source struct {
	Defs        map[string]form `json:"$defs"`
	Definitions map[string]form `json:"definitions"`
}

type form struct {
	AnyOf []struct {
		Ref string `json:"$ref"`
	} `json:"anyOf"`
	Properties struct {
		Method struct {
			Const string `json:"const"`
		} `json:"method"`
		Error struct {
			AllOf []struct {
				Properties struct {
					Code struct {
						Const json.Number `json:"const"`
					} `json:"code"`
				} `json:"properties"`
			} `json:"allOf"`
		} `json:"error"`
	} `json:"properties"`
}

func loadVocabulary(file string) (*vocabulary, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the folder is named by whoever runs the tests
	if err != nil {
		return nil, err
	}
	var read source
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	l := loader{compiler: jsonschema.NewCompiler(), url: "mcp:///" + filepath.Base(file), forms: read.Defs, path: "$defs"}
	if l.forms == nil {
		l.forms, l.path = read.Definitions, "definitions"
	}
	if len(l.forms) == 0 {
		return nil, errors.New("it defines nothing")
	}
	if members, ok := document.(map[string]any); ok {
		mend(members[l.path])
	}
	l.compiler.AssertFormat()
	if err := l.compiler.AddResource(l.url, document); err != nil {
		return nil, err
	}
	v := l.vocabulary()
	return v, l.err
}
