package mcpclient

import (
	"bytes"
	"container/list"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// cache keeps results in memory for as long as their server allows with ttlMs, as raw JSON. What is used least goes first when
// there is no more room. It starts nothing: an entry that is over waits until it is asked for, or its room is needed. A nil
// *cache keeps nothing. Safe for concurrent use.
type cache struct {
	maxBytes int64
	seed     maphash.Seed

	mu      sync.Mutex
	entries map[cacheKey]*list.Element // guarded by mu, as is all below
	recent  list.List                  // of *cacheEntry, the last one used in front
	size    int64                      // what the entries weigh
	drops   [256]uint64                // see dropsLocked
}

// cacheKey is everything a result may depend on.
//
// A result of public scope might be shared by principals (SEP-2549). It is not here: what a server calls public by mistake
// would be shown to somebody else, and all that sharing saves is a request for each of them. So cacheScope is not even read.
type cacheKey struct {
	endpoint      string
	version       string // of the protocol
	capabilities  string // of the client, as declared
	method        string
	params        string   // JSON, without what changes from call to call
	authorization [32]byte // hash of the Authorization sent
}

type cacheEntry struct {
	key             cacheKey
	result          jsontext.Value
	uri             string // the resource that was read, "" if none or unknown
	stored, expires time.Time
}

const (
	maxCacheTTL = 24 * time.Hour // a server's mistake should not outlive the day
	entryWeight = 512            // what Go needs for an entry around its text

	cachedReadMethod = "resources/read" // the one method whose results are dropped one by one
)

// newCache returns a cache of at most so many bytes, keys and overhead included; nil if that is nothing.
func newCache(maxBytes int64) *cache {
	if maxBytes <= 0 {
		return nil
	}
	return &cache{maxBytes: maxBytes, seed: maphash.MakeSeed(), entries: make(map[cacheKey]*list.Element)}
}

// get returns the result under key if it is fresh. It must not be modified.
//
// Freshness goes by the wall clock: the monotonic one stands still while a machine sleeps. An entry from the future tells that
// the wall clock was set back, and nobody knows how old it is.
func (c *cache) get(key cacheKey, now time.Time) (jsontext.Value, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	entry := entryOf(element)
	if now.Before(entry.stored) || !now.Before(entry.expires) {
		c.removeLocked(element)
		return nil, false
	}
	c.recent.MoveToFront(element)
	return entry.result, true
}

// cacheToken remembers when an exchange began. The zero value stores nothing.
type cacheToken struct {
	key        cacheKey
	drops      uint64
	generation uint64 // of the binding that the key was made for; the caller's own
	valid      bool
}

// begin is called before a request is sent whose result is to be stored: that result may be older than a change notice which
// arrives in between. Nothing needs to be undone if the exchange fails.
func (c *cache) begin(key cacheKey) cacheToken {
	if c == nil {
		return cacheToken{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return cacheToken{key: key, drops: c.dropsLocked(key), valid: true}
}

// put stores a copy of the result of the exchange that began with token, in place of an earlier one. It stores nothing if what
// the key stands for was dropped since begin, if the server allows no time, or if the result would take more than a quarter of
// the room: one list must not push out all the others.
func (c *cache) put(token cacheToken, result jsontext.Value, now time.Time) {
	if c == nil || !token.valid {
		return
	}
	key, ttl := token.key, resultTTL(result)
	entry := &cacheEntry{key: key, stored: now.Round(0), expires: now.Round(0).Add(ttl)} // without the monotonic clock
	fits := ttl > 0 && entry.weight()+int64(len(result)) <= c.maxBytes/4
	if fits {
		entry.result = bytes.Clone(result)
		entry.uri = uriOfRead(key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropsLocked(key) != token.drops {
		return
	}
	if earlier, ok := c.entries[key]; ok {
		c.removeLocked(earlier)
	}
	if !fits {
		return
	}
	c.entries[key] = c.recent.PushFront(entry)
	c.size += entry.weight()
	for c.size > c.maxBytes {
		c.removeLocked(c.recent.Back())
	}
}

// drop removes the results of methods, all their pages, from an endpoint that says that they have changed.
func (c *cache) drop(endpoint string, methods ...string) {
	c.dropWhere(endpoint, methods, func(e *cacheEntry) bool { return slices.Contains(methods, e.key.method) })
}

// dropResource removes what was read of a resource that has changed. A notice may be about a part of what was read, and what
// was read may be a part of what changed, so those beneath and above it in the path go too.
func (c *cache) dropResource(endpoint, uri string) {
	c.dropWhere(endpoint, []string{cachedReadMethod}, func(e *cacheEntry) bool {
		return e.key.method == cachedReadMethod && (e.uri == "" || lies(uri, e.uri) || lies(e.uri, uri))
	})
}

// dropEndpoint removes everything from an endpoint, as when another server has taken its place.
func (c *cache) dropEndpoint(endpoint string) {
	c.dropWhere(endpoint, []string{""}, func(*cacheEntry) bool { return true })
}

// dropWhere removes what is outdated, and what is on its way for the methods; "" stands for all of them.
func (c *cache) dropWhere(endpoint string, methods []string, outdated func(*cacheEntry) bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, method := range methods {
		c.drops[c.slot(endpoint, method)]++
	}
	for _, element := range c.entries {
		if entry := entryOf(element); entry.key.endpoint == endpoint && outdated(entry) {
			c.removeLocked(element)
		}
	}
}

// dropsLocked counts the drops that concern a key. There is a counter for a group of endpoints and methods, chosen by hash, since
// a map of them would grow for ever. Who shares a counter with others is dropped too often, and only while it is on its way.
func (c *cache) dropsLocked(key cacheKey) uint64 {
	return c.drops[c.slot(key.endpoint, "")] + c.drops[c.slot(key.endpoint, key.method)]
}

func (c *cache) slot(endpoint, method string) int {
	hash := maphash.Comparable(c.seed, [2]string{endpoint, method})
	return int(hash % uint64(len(c.drops)))
}

func (c *cache) removeLocked(element *list.Element) {
	entry := entryOf(element)
	c.recent.Remove(element)
	delete(c.entries, entry.key)
	c.size -= entry.weight()
}

func entryOf(element *list.Element) *cacheEntry {
	return element.Value.(*cacheEntry) //nolint:errcheck // the list holds nothing else
}

// weight is the memory that the entry takes.
func (e *cacheEntry) weight() int64 {
	k := &e.key
	return int64(entryWeight + len(k.endpoint) + len(k.version) + len(k.capabilities) + len(k.method) + len(k.params) + len(e.result))
}

// resultTTL is how long a result may be reused. Absent, negative and unreadable is not at all.
func resultTTL(result jsontext.Value) time.Duration {
	// Most results have no ttlMs, which a search tells faster than a decoder. Only \u can hide a letter of the name.
	if !bytes.Contains(result, []byte("ttlMs")) && !bytes.Contains(result, []byte(`\u`)) {
		return 0
	}
	var hint struct {
		Milliseconds looseInt `json:"ttlMs"`
	}
	if decode(result, &hint) != nil || hint.Milliseconds.value == nil {
		return 0
	}
	limit := maxCacheTTL.Milliseconds()
	return time.Duration(min(max(*hint.Milliseconds.value, 0), limit)) * time.Millisecond
}

// uriOfRead finds the resource that a key is about.
func uriOfRead(key cacheKey) string {
	var read struct {
		URI string `json:"uri"`
	}
	if key.method == cachedReadMethod {
		_ = decode([]byte(key.params), &read) // what cannot be read is dropped with every resource
	}
	return read.URI
}

// lies reports whether a resource is another, or beneath it. URIs are compared as written, as the protocol does.
func lies(uri, other string) bool {
	rest, ok := strings.CutPrefix(uri, strings.TrimSuffix(other, "/"))
	return ok && (rest == "" || strings.ContainsRune("/?#", rune(rest[0])))
}
