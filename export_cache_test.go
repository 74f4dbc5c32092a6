package mcpclient

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Cache is cache for tests outside the package: when it is asked and told does not depend on a server.
type Cache struct{ cache *cache }

// CacheKey is cacheKey with the fields that tests vary.
type CacheKey struct {
	Endpoint, Version, Capabilities, Method, Params string
	Principal                                       byte
}

func (k CacheKey) key() cacheKey {
	return cacheKey{
		endpoint: k.Endpoint, version: k.Version, capabilities: k.Capabilities,
		method: k.Method, params: k.Params, authorization: [32]byte{k.Principal},
	}
}

func NewCache(maxBytes int64) Cache { return Cache{newCache(maxBytes)} }

// Off tells a cache that costs nothing.
func (c Cache) Off() bool { return c.cache == nil }

// Get returns "" for what is not there.
func (c Cache) Get(key CacheKey, now time.Time) string {
	result, ok := c.cache.get(key.key(), now)
	if !ok {
		return ""
	}
	return string(result)
}

// Begin returns the function that stores the result of the exchange.
func (c Cache) Begin(key CacheKey) (put func(result []byte, now time.Time)) {
	token := c.cache.begin(key.key())
	return func(result []byte, now time.Time) { c.cache.put(token, jsontext.Value(result), now) }
}

func (c Cache) Drop(endpoint string, methods ...string) { c.cache.drop(endpoint, methods...) }
func (c Cache) DropResource(endpoint, uri string)       { c.cache.dropResource(endpoint, uri) }
func (c Cache) DropEndpoint(endpoint string)            { c.cache.dropEndpoint(endpoint) }

// Size returns what the cache says it weighs, what its entries do, and how many there are.
func (c Cache) Size() (said, counted int64, entries int) {
	for element := c.cache.recent.Front(); element != nil; element = element.Next() {
		counted += entryOf(element).weight()
	}
	if c.cache.recent.Len() != len(c.cache.entries) {
		panic("the list and the table differ")
	}
	return c.cache.size, counted, len(c.cache.entries)
}

// PutWithoutBegin stores a result of an exchange that never began.
func (c Cache) PutWithoutBegin(result []byte, now time.Time) {
	c.cache.put(cacheToken{}, jsontext.Value(result), now)
}

// ResultTTL reads the hint of a result.
func ResultTTL(result string) time.Duration { return resultTTL(jsontext.Value(result)) }
