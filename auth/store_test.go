package auth_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

// lockingStore is what both stores of the package are.
type lockingStore interface {
	auth.Store
	auth.Locker
}

func newFileStore(t *testing.T, dir string, key []byte) *auth.FileStore {
	t.Helper()
	store, err := auth.NewFileStore(dir, key)
	require.NoError(t, err)
	return store
}

func fileKey(fill byte) []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = fill
	}
	return key
}

// forEachStore runs a test of what a store promises with every store.
func forEachStore(t *testing.T, test func(t *testing.T, store lockingStore)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { test(t, new(auth.MemoryStore)) })
	t.Run("file", func(t *testing.T) { test(t, newFileStore(t, t.TempDir()+"/s", nil)) })
	t.Run("sealed file", func(t *testing.T) { test(t, newFileStore(t, t.TempDir()+"/s", fileKey(7))) })
}

func TestStoreKeepsValues(t *testing.T) {
	forEachStore(t, func(t *testing.T, store lockingStore) {
		ctx := t.Context()
		value, version, err := store.Load(ctx, "a")
		require.NoError(t, err)
		require.Zero(t, version)
		require.Nil(t, value)

		mine := []byte("first")
		v1, err := store.Save(ctx, "a", mine, 0)
		require.NoError(t, err)
		require.NotZero(t, v1)
		copy(mine, "XXXXX")
		_, err = store.Save(ctx, "b/../\x00 ü", nil, 0)
		require.NoError(t, err)

		value, version, err = store.Load(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, v1, version)
		require.Equal(t, "first", string(value))
		copy(value, "YYYYY")
		value, _, err = store.Load(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, "first", string(value), "what callers do to a value stays theirs")

		value, version, err = store.Load(ctx, "b/../\x00 ü")
		require.NoError(t, err)
		require.NotZero(t, version, "an empty value is one, too")
		require.Empty(t, value)

		v2, err := store.Save(ctx, "a", []byte("second"), v1)
		require.NoError(t, err)
		require.NotEqual(t, v1, v2)
		require.NoError(t, store.Delete(ctx, "a", v2))
		_, version, err = store.Load(ctx, "a")
		require.NoError(t, err)
		require.Zero(t, version)
	})
}

func TestStoreRefusesTheSlower(t *testing.T) {
	forEachStore(t, func(t *testing.T, store lockingStore) {
		ctx := t.Context()
		_, err := store.Save(ctx, "a", []byte("x"), 5)
		require.ErrorIs(t, err, auth.ErrConflict, "there is none to replace")
		require.NoError(t, store.Delete(ctx, "a", 5), "gone is gone")

		v1, err := store.Save(ctx, "a", []byte("x"), 0)
		require.NoError(t, err)
		_, err = store.Save(ctx, "a", []byte("y"), 0)
		require.ErrorIs(t, err, auth.ErrConflict)
		require.ErrorIs(t, store.Delete(ctx, "a", v1+1), auth.ErrConflict)
		require.ErrorIs(t, store.Delete(ctx, "a", 0), auth.ErrConflict)

		require.NoError(t, store.Delete(ctx, "a", v1))
		v2, err := store.Save(ctx, "a", []byte("x"), 0)
		require.NoError(t, err)
		require.NotEqual(t, v1, v2, "the version of a deleted value comes back")
		_, err = store.Save(ctx, "a", []byte("y"), v1)
		require.ErrorIs(t, err, auth.ErrConflict)

		value, version, err := store.Load(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, v2, version)
		require.Equal(t, "x", string(value))
	})
}

// increment adds one to the counter at key, unless somebody is faster.
func increment(ctx context.Context, store auth.Store, key string) error {
	value, version, err := store.Load(ctx, key)
	if err != nil {
		return err
	}
	var n uint64
	if version != 0 {
		n = binary.BigEndian.Uint64(value)
	}
	_, err = store.Save(ctx, key, binary.BigEndian.AppendUint64(nil, n+1), version)
	return err
}

func counter(t *testing.T, store auth.Store, key string) int {
	t.Helper()
	value, version, err := store.Load(t.Context(), key)
	require.NoError(t, err)
	require.NotZero(t, version)
	return int(binary.BigEndian.Uint64(value))
}

func TestStoreLosesNoUpdateOfGoroutines(t *testing.T) {
	const goroutines, rounds = 6, 5
	forEachStore(t, func(t *testing.T, store lockingStore) {
		var wg sync.WaitGroup
		var under atomic.Int32
		errs := make(chan error, 2*goroutines)
		for i := range goroutines {
			wg.Go(func() { // with the lock nobody is faster
				for range rounds {
					unlock, err := store.Lock(t.Context(), "locked")
					if err != nil {
						errs <- err
						return
					}
					if n := under.Add(1); n != 1 {
						errs <- fmt.Errorf("%d under one lock", n)
					}
					if err := increment(t.Context(), store, "locked"); err != nil {
						errs <- err
					}
					under.Add(-1)
					unlock()
				}
			})
			wg.Go(func() { // each saves its own key between those of the others
				for range rounds {
					if err := increment(t.Context(), store, fmt.Sprint(i)); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, goroutines*rounds, counter(t, store, "locked"))
		for i := range goroutines {
			require.Equal(t, rounds, counter(t, store, fmt.Sprint(i)))
		}
	})
}

func TestStoreLockIsForOneKeyAndOneHolder(t *testing.T) {
	forEachStore(t, func(t *testing.T, store lockingStore) {
		synctest.Test(t, func(t *testing.T) {
			unlock, err := store.Lock(t.Context(), "a")
			require.NoError(t, err)
			other, err := store.Lock(t.Context(), "b")
			require.NoError(t, err, "another key waits for nobody")
			other()
			_, err = store.Save(t.Context(), "a", []byte("x"), 0)
			require.NoError(t, err, "neither does saving")

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, err = store.Lock(ctx, "a")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Minute, time.Since(start))

			got := make(chan func())
			go func() {
				unlock, err := store.Lock(t.Context(), "a")
				if err != nil {
					panic(err)
				}
				got <- unlock
			}()
			synctest.Wait()
			select {
			case <-got:
				t.Fatal("two have the lock")
			default:
			}
			unlock()
			unlock = <-got
			unlock()
		})
	})
}

func TestStoreStopsWithItsContext(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	forEachStore(t, func(t *testing.T, store lockingStore) {
		_, err := store.Lock(stopped, "a")
		require.ErrorIs(t, err, context.Canceled)
		unlock, err := store.Lock(t.Context(), "a")
		require.NoError(t, err, "who gave up holds nothing")
		unlock()
	})
	store := newFileStore(t, t.TempDir()+"/s", nil)
	_, err := store.Save(stopped, "a", []byte("x"), 0)
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = store.Load(stopped, "a")
	require.ErrorIs(t, err, context.Canceled)
}

func TestStorePrintsNoSecrets(t *testing.T) {
	forEachStore(t, func(t *testing.T, store lockingStore) {
		_, err := store.Save(t.Context(), "a", []byte("hunter2"), 0)
		require.NoError(t, err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(verb, store)
			require.NotContains(t, text, "hunter2")
			require.NotContains(t, text, "104 117 110", "the value as numbers")
			require.NotContains(t, text, "68756e74", "the value in hexadecimal")
			require.NotContains(t, text, "7 7 7 7", "the key as numbers")
			require.NotContains(t, text, "117901063", "the key as larger numbers")
			require.NotContains(t, text, "7070707", "the key in hexadecimal")
		}
	})
}
