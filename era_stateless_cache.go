package mcpclient

import (
	"crypto/sha256"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// cacheable lists the methods whose results may say for how long they are good
// (2026-07-28, "Caching").
func cacheable(method string) bool {
	switch method {
	case discoverMethod, "tools/list", "resources/list", "resources/templates/list", "prompts/list", cachedReadMethod:
		return true
	default:
		return false
	}
}

// cacheKey names what a result on b depends on.
func (c *core) cacheKey(b *binding, method string, params jsontext.Value) cacheKey {
	return cacheKey{
		endpoint: b.endpoint.String(), version: b.version, capabilities: string(b.meta),
		method: method, params: string(params),
		authorization: sha256.Sum256([]byte(b.header.Get("Authorization"))),
	}
}

// recall answers c from the cache. Where it cannot, the token is for the result
// that comes. What speaks with headers or credentials of its own passes the cache by: the
// server may answer it as somebody else.
func (s *Session) recall(c *call) (jsontext.Value, cacheToken, bool) {
	store, b := s.core.config.cache, s.core.current.Load()
	if store == nil || b == nil || !b.era.traits().cacheHints || !cacheable(c.method) ||
		s.view != nil || c.input != nil || bringsRound(c.plain) || len(c.header) > 0 || c.foreign() || len(c.settings.meta) > 0 {
		return nil, cacheToken{}, false
	}
	key := s.core.cacheKey(b, c.method, c.plain)
	if result, ok := store.get(key, time.Now()); ok {
		s.core.counters.cacheHits.Add(1)
		c.generation = b.generation
		return result, cacheToken{}, true
	}
	token := store.begin(key)
	token.generation = b.generation
	return nil, token, false
}

// remember keeps the result of c. One that needed input is nobody else's, and
// one of another binding than that of the key answers another question.
func (s *Session) remember(c *call, token cacheToken, result jsontext.Value) {
	if c.rounds == 0 && c.generation == token.generation {
		s.core.config.cache.put(token, result, time.Now())
	}
}
