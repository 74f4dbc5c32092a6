package mcpclient_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// cacheClock is any time; tests of the cache turn it themselves.
var cacheClock = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func listKey(method string) mcpclient.CacheKey {
	return mcpclient.CacheKey{Endpoint: "https://a.test/mcp", Version: "v", Capabilities: "{}", Method: method, Params: "{}", Principal: 1}
}

func readKey(uri string) mcpclient.CacheKey {
	key := listKey("resources/read")
	key.Params = fmt.Sprintf(`{"uri":%q}`, uri)
	return key
}

// lasting is a result that may be reused for a minute.
func lasting(content string) []byte { return fmt.Appendf(nil, `{"content":%q,"ttlMs":60000}`, content) }

func store(cache mcpclient.Cache, key mcpclient.CacheKey, content string) {
	cache.Begin(key)(lasting(content), cacheClock)
}

// TestCacheFresh: a result is there until its time is over, not a moment longer, and takes no room from then on.
func TestCacheFresh(t *testing.T) {
	cache := mcpclient.NewCache(1 << 20)
	key := listKey("tools/list")
	require.Empty(t, cache.Get(key, cacheClock))
	store(cache, key, "x")
	require.Equal(t, string(lasting("x")), cache.Get(key, cacheClock))
	require.NotEmpty(t, cache.Get(key, cacheClock.Add(time.Minute-1)))
	require.Empty(t, cache.Get(key, cacheClock.Add(time.Minute)))
	said, _, entries := cache.Size()
	require.Zero(t, said)
	require.Zero(t, entries)

	store(cache, key, "x")
	require.Empty(t, cache.Get(key, cacheClock.Add(-1)), "the clock was set back")
	require.Empty(t, cache.Get(key, cacheClock), "so its age is unknown from then on")
}

// TestCacheTime: in a process, time goes by as it does for everyone.
func TestCacheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := mcpclient.NewCache(1 << 20)
		key := listKey("tools/list")
		cache.Begin(key)(lasting("x"), time.Now())
		<-time.After(59 * time.Second)
		require.NotEmpty(t, cache.Get(key, time.Now()))
		<-time.After(time.Second)
		require.Empty(t, cache.Get(key, time.Now()))
	})
}

// TestCacheTTL: how long a server allows, whatever it writes there.
func TestCacheTTL(t *testing.T) {
	for result, want := range map[string]time.Duration{
		`{}`:                                    0,
		`{"ttlMs":0}`:                           0,
		`{"ttlMs":null}`:                        0,
		`{"ttlMs":-5}`:                          0,
		`{"ttlMs":-1e999}`:                      0,
		`{"ttlMs":0.9}`:                         0,
		`{"ttlMs":"1000"}`:                      0,
		`{"ttlMs":true}`:                        0,
		`{"ttlMs":[1]}`:                         0,
		`{"ttlms":1000}`:                        0,
		`{"nested":{"ttlMs":1000}}`:             0,
		`{"ttlMs":1000,"ttlMs":2000}`:           0,
		`{"ttlMs":1000`:                         0,
		`["ttlMs",1000]`:                        0,
		`null`:                                  0,
		``:                                      0,
		`{"ttlMs":1}`:                           time.Millisecond,
		`{"ttlMs":1500}`:                        1500 * time.Millisecond,
		`{"ttlMs":1500.0}`:                      1500 * time.Millisecond,
		`{"ttlMs":1.5e3,"cacheScope":"galaxy"}`: 1500 * time.Millisecond,
		`{"ttl\u004ds":1500}`:                   1500 * time.Millisecond,
		`{"ttlMs":86400000}`:                    24 * time.Hour,
		`{"ttlMs":86400001}`:                    24 * time.Hour,
		`{"ttlMs":9223372036854775807}`:         24 * time.Hour,
		`{"ttlMs":1e999}`:                       24 * time.Hour,
	} {
		require.Equal(t, want, mcpclient.ResultTTL(result), result)
	}
}

// TestCacheKey: a result answers nothing but the same question of the same principal to the same server.
func TestCacheKey(t *testing.T) {
	cache := mcpclient.NewCache(1 << 20)
	key := listKey("tools/list")
	store(cache, key, "x")
	for what, vary := range map[string]func(*mcpclient.CacheKey){
		"endpoint":     func(k *mcpclient.CacheKey) { k.Endpoint += "2" },
		"version":      func(k *mcpclient.CacheKey) { k.Version += "2" },
		"capabilities": func(k *mcpclient.CacheKey) { k.Capabilities = `{"roots":{}}` },
		"method":       func(k *mcpclient.CacheKey) { k.Method = "prompts/list" },
		"params":       func(k *mcpclient.CacheKey) { k.Params = `{"cursor":"2"}` },
		"principal":    func(k *mcpclient.CacheKey) { k.Principal++ },
	} {
		other := key
		vary(&other)
		require.Empty(t, cache.Get(other, cacheClock), what)
	}
	require.NotEmpty(t, cache.Get(key, cacheClock))

	public := []byte(`{"ttlMs":60000,"cacheScope":"public"}`)
	cache.Begin(key)(public, cacheClock)
	key.Principal++
	require.Empty(t, cache.Get(key, cacheClock), "not even what is public")
}

// TestCachePut: the newest result counts, also where it may not be stored; and what is stored is a copy.
func TestCachePut(t *testing.T) {
	cache := mcpclient.NewCache(1 << 20)
	key := listKey("tools/list")
	store(cache, key, "first")
	second := lasting("second")
	cache.Begin(key)(second, cacheClock)
	clear(second)
	require.Equal(t, string(lasting("second")), cache.Get(key, cacheClock))

	cache.Begin(key)([]byte(`{"ttlMs":0}`), cacheClock)
	require.Empty(t, cache.Get(key, cacheClock))

	store(cache, key, "third")
	store(cache, key, strings.Repeat("x", 1<<18))
	require.Empty(t, cache.Get(key, cacheClock), "over a quarter of the room")
	store(cache, key, strings.Repeat("x", 1<<18-1000))
	require.NotEmpty(t, cache.Get(key, cacheClock))

	cache.PutWithoutBegin(lasting("x"), cacheClock)
	_, _, entries := cache.Size()
	require.Equal(t, 1, entries)
}

// TestCacheOff: without room there is no cache, and nobody has to ask whether there is one.
func TestCacheOff(t *testing.T) {
	cache := mcpclient.NewCache(0)
	require.True(t, cache.Off())
	key := listKey("tools/list")
	put := cache.Begin(key)
	cache.Drop(key.Endpoint, key.Method)
	cache.DropEndpoint(key.Endpoint)
	cache.DropResource(key.Endpoint, "x://a")
	put(lasting("x"), cacheClock)
	require.Empty(t, cache.Get(key, cacheClock))
}

// TestCacheRoom: what was used least recently goes first, and the account is right.
func TestCacheRoom(t *testing.T) {
	cache := mcpclient.NewCache(20_000)
	keys := make([]mcpclient.CacheKey, 6)
	for i := range keys {
		keys[i] = readKey(fmt.Sprint("x://", i))
	}
	content := strings.Repeat("x", 3_200)
	for _, key := range keys[:5] {
		store(cache, key, content)
	}
	require.NotEmpty(t, cache.Get(keys[0], cacheClock))
	store(cache, keys[5], content)
	require.NotEmpty(t, cache.Get(keys[0], cacheClock), "used a moment ago")
	require.Empty(t, cache.Get(keys[1], cacheClock))
	for _, key := range keys[2:] {
		require.NotEmpty(t, cache.Get(key, cacheClock))
	}
	said, counted, entries := cache.Size()
	require.Equal(t, counted, said)
	require.Equal(t, 5, entries)
	require.LessOrEqual(t, said, int64(20_000))

	for i := range 100 { // what surrounds a result weighs too
		store(cache, readKey(fmt.Sprint("x://small/", i)), "")
	}
	_, _, entries = cache.Size()
	require.Less(t, entries, 40)
	for i := range 100 { // and so does a key
		store(cache, readKey(fmt.Sprint("x://", i, content)), "")
	}
	_, _, entries = cache.Size()
	require.Less(t, entries, 6)
}

// TestCacheDrop: a change notice ends what it is about and nothing else.
func TestCacheDrop(t *testing.T) {
	tools, more, prompts, resource, elsewhere := listKey("tools/list"), listKey("tools/list"), listKey("prompts/list"), readKey("x://a"), listKey("tools/list")
	more.Params, more.Principal = `{"cursor":"2"}`, 2
	elsewhere.Endpoint = "https://b.test/mcp"
	all := []mcpclient.CacheKey{tools, more, prompts, resource, elsewhere}
	for what, c := range map[string]struct {
		drop func(mcpclient.Cache)
		left []mcpclient.CacheKey
	}{
		"nothing":    {func(c mcpclient.Cache) { c.Drop(tools.Endpoint) }, all},
		"one method": {func(c mcpclient.Cache) { c.Drop(tools.Endpoint, "tools/list") }, []mcpclient.CacheKey{prompts, resource, elsewhere}},
		"two": {func(c mcpclient.Cache) { c.Drop(tools.Endpoint, "prompts/list", "resources/read") },
			[]mcpclient.CacheKey{tools, more, elsewhere}},
		"a resource":  {func(c mcpclient.Cache) { c.DropResource(tools.Endpoint, "x://a") }, []mcpclient.CacheKey{tools, more, prompts, elsewhere}},
		"a server":    {func(c mcpclient.Cache) { c.DropEndpoint(tools.Endpoint) }, []mcpclient.CacheKey{elsewhere}},
		"one unknown": {func(c mcpclient.Cache) { c.DropEndpoint("https://c.test/mcp") }, all},
	} {
		cache := mcpclient.NewCache(1 << 20)
		for _, key := range all {
			store(cache, key, "x")
		}
		c.drop(cache)
		var left []mcpclient.CacheKey
		for _, key := range all {
			if cache.Get(key, cacheClock) != "" {
				left = append(left, key)
			}
		}
		require.Equal(t, c.left, left, what)
	}
}

// TestCacheDropResource: beneath and above count, neighbours of a similar name do not.
func TestCacheDropResource(t *testing.T) {
	for _, c := range []struct {
		changed, read string
		gone          bool
	}{
		{"file:///a/b", "file:///a/b", true},
		{"file:///a/b", "file:///a/b/c", true},
		{"file:///a/b", "file:///a", true},
		{"file:///a/b", "file:///a/", true},
		{"file:///a/b/", "file:///a/b", true},
		{"file:///a", "file:///a?page=2", true},
		{"file:///a#part", "file:///a", true},
		{"file:///", "file:///a/b", true},
		{"file:///a/b", "file:///a/bc", false},
		{"file:///a/bc", "file:///a/b", false},
		{"file:///a/b", "file:///a/c", false},
		{"file:///a", "FILE:///a", false},
		{"x://a", "x://b", false},
		{"", "x://b", false},
	} {
		cache := mcpclient.NewCache(1 << 20)
		key, unreadable := readKey(c.read), readKey(c.read)
		unreadable.Params = "unreadable"
		store(cache, key, "x")
		store(cache, unreadable, "x")
		cache.DropResource(key.Endpoint, c.changed)
		require.Equal(t, c.gone, cache.Get(key, cacheClock) == "", "%+v", c)
		require.Empty(t, cache.Get(unreadable, cacheClock), "nobody knows what it is about")
	}
}

// TestCacheOvertaken: a result that was on its way when its change was told may be the old one. It is not stored.
func TestCacheOvertaken(t *testing.T) {
	key := readKey("x://a")
	for what, c := range map[string]struct {
		drop   func(mcpclient.Cache)
		stored bool
	}{
		"its method":   {func(c mcpclient.Cache) { c.Drop(key.Endpoint, "tools/list", key.Method) }, false},
		"its resource": {func(c mcpclient.Cache) { c.DropResource(key.Endpoint, "x://a") }, false},
		"its server":   {func(c mcpclient.Cache) { c.DropEndpoint(key.Endpoint) }, false},
		"nothing":      {func(mcpclient.Cache) {}, true},
	} {
		cache := mcpclient.NewCache(1 << 20)
		put := cache.Begin(key)
		c.drop(cache)
		put(lasting("perhaps old"), cacheClock)
		require.Equal(t, c.stored, cache.Get(key, cacheClock) != "", what)

		before := cache.Begin(key)
		c.drop(cache)
		store(cache, key, "new")
		before(lasting("perhaps old"), cacheClock)
		require.Equal(t, c.stored, cache.Get(key, cacheClock) != string(lasting("new")), what)
	}

	// Drops of others may hit the same counter, but hardly ever.
	stored := 0
	for i := range 50 {
		cache := mcpclient.NewCache(1 << 20)
		put := cache.Begin(key)
		cache.Drop(key.Endpoint, "tools/list")
		cache.DropEndpoint(fmt.Sprint("https://other.test/", i))
		put(lasting("x"), cacheClock)
		if cache.Get(key, cacheClock) != "" {
			stored++
		}
	}
	require.Greater(t, stored, 40)
}

// TestCacheModel plays random steps against a table that never evicts: the cache may know less, never anything else.
func TestCacheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type known struct {
		content string
		expires time.Time
	}
	const room = 12_000
	cache, model, now := mcpclient.NewCache(room), map[mcpclient.CacheKey]known{}, cacheClock
	hits := 0
	for step := range 20_000 {
		key := readKey(fmt.Sprintf("x://%d/%d", random.IntN(4), random.IntN(4)))
		key.Endpoint = fmt.Sprint("https://", random.IntN(2), ".test")
		switch random.IntN(20) {
		case 0:
			cache.Drop(key.Endpoint, key.Method)
			for k := range model {
				if k.Endpoint == key.Endpoint {
					delete(model, k)
				}
			}
		case 1:
			cache.DropResource(key.Endpoint, strings.TrimSuffix(strings.TrimPrefix(key.Params, `{"uri":"`), `"}`))
			delete(model, key)
		case 2, 3, 4, 5, 6, 7, 8:
			ttl, content := random.IntN(100)-10, fmt.Sprint(step, strings.Repeat("x", random.IntN(room/3)))
			cache.Begin(key)(fmt.Appendf(nil, `{"c":%q,"ttlMs":%d}`, content, ttl), now)
			model[key] = known{fmt.Sprintf(`{"c":%q,"ttlMs":%d}`, content, ttl), now.Add(time.Duration(ttl) * time.Millisecond)}
		case 9:
			now = now.Add(time.Duration(random.IntN(20)) * time.Millisecond)
		default:
			if got := cache.Get(key, now); got != "" {
				hits++
				require.Equal(t, model[key].content, got, step)
				require.True(t, now.Before(model[key].expires), step)
			}
		}
		said, counted, _ := cache.Size()
		require.Equal(t, counted, said, step)
		require.LessOrEqual(t, said, int64(room), step)
	}
	require.Greater(t, hits, 500)
}

// TestCacheConcurrent is for the race detector.
func TestCacheConcurrent(t *testing.T) {
	cache := mcpclient.NewCache(50_000)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 300 {
				key := readKey(fmt.Sprint("x://", n%10))
				put := cache.Begin(key)
				_ = cache.Get(key, cacheClock)
				put(lasting(strings.Repeat("x", n*10)), cacheClock)
				switch {
				case i == 0 && n%10 == 0:
					cache.DropResource(key.Endpoint, "x://0")
				case i == 1 && n%100 == 0:
					cache.DropEndpoint(key.Endpoint)
				}
			}
		})
	}
	wg.Wait()
	said, counted, _ := cache.Size()
	require.Equal(t, counted, said)
}
