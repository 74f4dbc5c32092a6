package mcpclient

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// admitTool learns which arguments of a tool are mirrored into headers. A tool
// that asks for it wrongly is invalid, and left out of the list (2026-07-28,
// tools, "x-mcp-header").
func (s *Session) admitTool(t *Tool) error {
	s.noteTaskSupport(t)
	if s.core.config.retry.TrustAnnotations {
		s.core.harmless.note(t)
	}
	if !s.latest().era.traits().headerParams {
		return nil
	}
	if err := s.core.toolHeaders.admit(t); err != nil {
		return fmt.Errorf("the tool %s: %w", quote(t.Name), err)
	}
	return nil
}

// refreshTools reads the list of tools anew, past the cache: the server has
// found the headers of a call wanting. It reports whether it got all of it.
func (c *core) refreshTools(ctx context.Context, b *binding) bool {
	c.config.cache.drop(b.endpoint.String(), "tools/list")
	var cursor jsontext.Value
	for range c.config.limits.Pages {
		result, v := c.attempt(ctx, b, &call{method: "tools/list", raw: cursor, plain: cursor, exempt: true})
		if v != nil {
			return false
		}
		page, err := decodeResult[toolPage](result)
		if err != nil {
			return false
		}
		for _, tool := range page.Tools.readable {
			if err := c.toolHeaders.admit(tool); err != nil {
				c.config.logger.Warn("mcpclient: a tool is invalid", "tool", tool.Name, "err", err)
			}
		}
		if page.Cursor == nil {
			return true
		}
		if len(*page.Cursor) > maxCursor {
			return false
		}
		cursor, _ = encode(cursorParams{*page.Cursor}) // of a string: cannot fail
	}
	return false
}
