package mcpclient

import (
	"maps"

	"github.com/go-json-experiment/json/jsontext"
)

// clientInfo introduces the application.
type clientInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (c *config) clientInfo() clientInfo { return clientInfo{c.name, c.version} }

// tasksExtension makes long tool calls tasks, where there are no sessions.
const tasksExtension = "io.modelcontextprotocol/tasks"

// clientCapabilities is what the client offers to servers.
type clientCapabilities struct {
	Elicitation *elicitationCapability    `json:"elicitation,omitzero"`
	Sampling    *samplingCapability       `json:"sampling,omitzero"`
	Roots       *rootsCapability          `json:"roots,omitzero"`
	Extensions  map[string]jsontext.Value `json:"extensions,omitzero"`
}

type elicitationCapability struct {
	Form *struct{} `json:"form,omitzero"`
	URL  *struct{} `json:"url,omitzero"`
}

type samplingCapability struct {
	Tools struct{} `json:"tools"`
}

type rootsCapability struct {
	ListChanged bool `json:"listChanged,omitzero"`
}

// capabilities are what the handlers of the Client make possible.
func (c *config) capabilities() *clientCapabilities {
	offered := &clientCapabilities{Extensions: maps.Clone(c.extensions)}
	if c.input.elicit != nil || c.input.elicitURL != nil {
		offered.Elicitation = new(elicitationCapability)
	}
	if c.input.elicit != nil {
		offered.Elicitation.Form = new(struct{})
	}
	if c.input.elicitURL != nil {
		offered.Elicitation.URL = new(struct{})
	}
	if c.input.sample != nil {
		offered.Sampling = new(samplingCapability)
	}
	if c.input.roots != nil {
		offered.Roots = new(rootsCapability)
	}
	return offered
}

// inSession adds what a session makes possible.
func (c *clientCapabilities) inSession() *clientCapabilities {
	if c.Roots != nil {
		c.Roots.ListChanged = true
	}
	return c
}

// forCall adds what one call makes possible beyond the client's own.
func (c *clientCapabilities) forCall(settings *callSettings) *clientCapabilities {
	if settings.takesInput {
		c.Elicitation = &elicitationCapability{Form: new(struct{}), URL: new(struct{})}
	}
	if settings.asTask {
		if c.Extensions == nil {
			c.Extensions = make(map[string]jsontext.Value, 1)
		}
		c.Extensions[tasksExtension] = jsontext.Value("{}")
	}
	return c
}

// encodeExtensions checks and encodes what the user declares, and what the
// authorizer does.
func encodeExtensions(declared map[string]any, authorizer Authorizer) (map[string]jsontext.Value, error) {
	speaker, _ := authorizer.(interface{ Extensions() []string })
	if len(declared) == 0 && speaker == nil {
		return nil, nil
	}
	encoded := make(map[string]jsontext.Value, len(declared))
	if speaker != nil {
		for _, name := range speaker.Extensions() {
			encoded[name] = jsontext.Value("{}")
		}
	}
	for name, settings := range declared {
		text, err := encodeObject("the settings of the extension "+quote(name)+" (Client.Extensions)", settings)
		if err != nil {
			return nil, err
		}
		if text == nil {
			text = jsontext.Value("{}")
		}
		encoded[name] = text
	}
	return encoded, nil
}
