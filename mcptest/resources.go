package mcptest

import (
	"context"
	"regexp"
	"strings"

	"github.com/holdfast-mcp/mcpclient"
)

// ResourceHandler returns the contents of a resource. An error that is a
// *[mcpclient.RPCError] is the answer; any other becomes an internal error
// with its text. A contents without a URI gets that of the request.
type ResourceHandler func(ctx context.Context, uri string) ([]mcpclient.ResourceContents, error)

type resource struct {
	mcpclient.Resource
	read ResourceHandler
}

type template struct {
	mcpclient.ResourceTemplate
	read    ResourceHandler
	matches *regexp.Regexp
}

// AddResource adds a resource with fixed contents, or replaces the one of this
// URI. A contents without a URI gets the resource's, and one without a type
// the resource's type. To clients that have subscribed to it a replacement is
// announced as an update ([Server.ResourceUpdated]).
func (s *Server) AddResource(r mcpclient.Resource, contents ...mcpclient.ResourceContents) {
	fixed := make([]mcpclient.ResourceContents, len(contents))
	for i, c := range contents {
		if c.MIMEType == "" {
			c.MIMEType = r.MIMEType
		}
		fixed[i] = c
	}
	s.AddResourceFunc(r, func(context.Context, string) ([]mcpclient.ResourceContents, error) { return fixed, nil })
}

// AddResourceFunc is [Server.AddResource] with contents that are made when they are read.
func (s *Server) AddResourceFunc(r mcpclient.Resource, read ResourceHandler) {
	s.mu.Lock()
	_, replaced := s.features.resources.get(r.URI)
	s.features.resources.set(r.URI, resource{r, read})
	s.mu.Unlock()
	if replaced {
		s.ResourceUpdated(r.URI)
		return
	}
	s.Broadcast("notifications/resources/list_changed", nil)
}

// AddResourceTemplate adds a family of resources, or replaces the one of this
// template; read gets the URI of one of them, and without it none is found. Of RFC 6570 it knows {name},
// which stands for one path segment, and {+name}, which stands for anything.
func (s *Server) AddResourceTemplate(t mcpclient.ResourceTemplate, read ResourceHandler) {
	added := template{t, read, templatePattern(t.URITemplate)}
	s.mu.Lock()
	s.features.templates.set(t.URITemplate, added)
	s.mu.Unlock()
	s.Broadcast("notifications/resources/list_changed", nil)
}

func templatePattern(uriTemplate string) *regexp.Regexp {
	variable := regexp.MustCompile(`\{(\+?)[^}]*\}`)
	var pattern strings.Builder
	pattern.WriteString("^")
	rest := uriTemplate
	for {
		at := variable.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		pattern.WriteString(regexp.QuoteMeta(rest[:at[0]]))
		if at[2] < at[3] {
			pattern.WriteString(".+")
		} else {
			pattern.WriteString("[^/?#]+")
		}
		rest = rest[at[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(rest) + "$")
	return regexp.MustCompile(pattern.String())
}

// ResourceUpdated sends notifications/resources/updated on the standalone
// streams of the sessions that have subscribed to the URI, and to the
// subscriptions/listen that have asked for it.
func (s *Server) ResourceUpdated(uri string) {
	s.broadcast("notifications/resources/updated", map[string]string{"uri": uri}, func(sess *session) bool {
		_, subscribed := sess.subscriptions[uri]
		return subscribed
	})
}

func (c *call) listResources() (any, error) {
	resources, next, err := page(c, &c.server.features.resources)
	if err != nil {
		return nil, err
	}
	list := make([]mcpclient.Resource, len(resources))
	for i, r := range resources {
		list[i] = r.Resource
	}
	return struct {
		Resources []mcpclient.Resource `json:"resources"`
		Next      *string              `json:"nextCursor,omitzero"`
	}{list, next}, nil
}

func (c *call) listTemplates() (any, error) {
	templates, next, err := page(c, &c.server.features.templates)
	if err != nil {
		return nil, err
	}
	list := make([]mcpclient.ResourceTemplate, len(templates))
	for i, t := range templates {
		list[i] = t.ResourceTemplate
	}
	return struct {
		Templates []mcpclient.ResourceTemplate `json:"resourceTemplates"`
		Next      *string                      `json:"nextCursor,omitzero"`
	}{list, next}, nil
}

func (c *call) readResource(ctx context.Context) (any, error) {
	uri, err := c.uri()
	if err != nil {
		return nil, err
	}
	read := c.server.reader(uri)
	if read == nil {
		code := int64(codeNoResource)
		if c.stateless != nil {
			code = codeInvalidParams
		}
		return nil, &mcpclient.RPCError{Code: code, Message: "Resource not found", Data: mustEncode(map[string]string{"uri": uri})}
	}
	contents, err := read(ctx, uri)
	if err != nil {
		return nil, err
	}
	named := make([]mcpclient.ResourceContents, len(contents))
	for i, part := range contents {
		if part.URI == "" {
			part.URI = uri
		}
		named[i] = part
	}
	return &mcpclient.ResourceResult{Contents: named}, nil
}

// reader returns the handler for a URI: a resource's, else the first template's that fits, else nil.
func (s *Server) reader(uri string) ResourceHandler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, known := s.features.resources.get(uri); known {
		return r.read
	}
	for _, name := range s.features.templates.names {
		if t := s.features.templates.items[name]; t.matches.MatchString(uri) {
			return t.read
		}
	}
	return nil
}

func (c *call) subscribe(on bool) (any, error) {
	uri, err := c.uri()
	if err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if on {
		c.session.subscriptions[uri] = struct{}{}
	} else {
		delete(c.session.subscriptions, uri)
	}
	return struct{}{}, nil
}

func (c *call) uri() (string, error) {
	var params struct {
		URI string `json:"uri"`
	}
	if err := decode(c.message.Params, &params); err != nil {
		return "", err
	}
	if params.URI == "" {
		return "", invalidParams("Invalid params: uri is missing")
	}
	return params.URI, nil
}
