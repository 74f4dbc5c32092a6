package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// records reads and writes the records of one profile, a user or a tenant, in a
// [Store]. Whatever the store returns, errors are of the type [*StoreError], and
// those of a lost race match [ErrConflict]. Safe for concurrent use.
//
// A record that cannot be read, is of another version of this library, or was
// written for something else than it is found under is an error and stays where it
// is: to take it for absent would overwrite what somebody else may still need.
type records struct {
	store   Store
	profile string

	local keyLocks // stand in for the locks of a store that has none
}

// maxTries bounds the rounds of those who do not mind to lose a race. Each lost
// one means that somebody else got through.
const maxTries = 16

// token returns the token of an MCP server, its URL in the caller's spelling, and
// its version; nil and 0: there is none.
func (rs *records) token(ctx context.Context, server string) (*tokenRecord, uint64, error) {
	pointer, _, err := rs.pointer(ctx, server)
	if pointer == nil {
		return nil, 0, err
	}
	return rs.tokenFor(ctx, pointer.Issuer, pointer.Resource, pointer.ClientID)
}

// tokenFor returns the token that client has for resource from issuer. Several
// MCP servers may be one resource.
func (rs *records) tokenFor(ctx context.Context, issuer, resource, client string) (*tokenRecord, uint64, error) {
	key := rs.tokenKey(issuer, resource, client)
	return loadRecord(ctx, rs.store, key, func(r *tokenRecord) bool {
		return r.Profile == rs.profile && r.Issuer == issuer && r.Resource == resource && r.ClientID == client
	})
}

// saveToken makes r, whose V and Profile are filled in, the token of server. With
// the version of the record of the same issuer, resource and client, as token
// returned it, r replaces that alone: so a refreshed token is saved. Version 0
// means that r is newly granted, needed no other, and replaces whatever is there.
func (rs *records) saveToken(ctx context.Context, server string, r *tokenRecord, version uint64) (uint64, error) {
	record := *r
	record.V, record.Profile = recordVersion, rs.profile
	pointer := pointerRecord{
		V: recordVersion, Profile: rs.profile, Server: server,
		Issuer: r.Issuer, Resource: r.Resource, ClientID: r.ClientID,
	}
	key := rs.tokenKey(r.Issuer, r.Resource, r.ClientID)
	// The token first: a crash leaves the old pointer, never one to nothing.
	if version == 0 {
		next, err := replaceRecord(ctx, rs.store, key, &record)
		if err != nil {
			return 0, err
		}
		_, err = replaceRecord(ctx, rs.store, rs.serverKey(server), &pointer)
		return next, err
	}
	next, err := saveRecord(ctx, rs.store, key, &record, version)
	if err != nil {
		return 0, err
	}
	// The record was there all the time, so nobody was about to drop its pointer.
	if old, _, err := rs.pointer(ctx, server); err != nil || old != nil && *old == pointer {
		return next, err
	}
	_, err = replaceRecord(ctx, rs.store, rs.serverKey(server), &pointer)
	return next, err
}

// dropToken removes r, if its version is still version, and what leads to it from
// server. If somebody saved a newer one the error matches [ErrConflict].
func (rs *records) dropToken(ctx context.Context, server string, r *tokenRecord, version uint64) error {
	// Before the token: whoever saves one afterwards writes the pointer anew, and it is not removed below.
	pointer, pointerVersion, err := rs.pointer(ctx, server)
	if err != nil {
		return err
	}
	key := rs.tokenKey(r.Issuer, r.Resource, r.ClientID)
	if err := rs.store.Delete(ctx, key, version); err != nil {
		return storeError("delete", err)
	}
	if pointer == nil || rs.tokenKey(pointer.Issuer, pointer.Resource, pointer.ClientID) != key {
		return nil
	}
	err = rs.store.Delete(ctx, rs.serverKey(server), pointerVersion)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return storeError("delete", err)
}

// lock waits for the right to replace the token that has r's issuer, resource and
// client: in all processes if the store is a [Locker], else among the users of rs.
func (rs *records) lock(ctx context.Context, r *tokenRecord) (unlock func(), err error) {
	key := rs.tokenKey(r.Issuer, r.Resource, r.ClientID)
	if locker, ok := rs.store.(Locker); ok {
		unlock, err = locker.Lock(ctx, key)
	} else {
		unlock, err = rs.local.lock(ctx, key)
	}
	return unlock, storeError("lock", err)
}

// loadRegistration returns the client that issuer registered and its version; nil
// and 0: there is none.
func (rs *records) loadRegistration(ctx context.Context, issuer string) (*registrationRecord, uint64, error) {
	return loadRecord(ctx, rs.store, rs.registrationKey(issuer), func(r *registrationRecord) bool {
		return r.Profile == rs.profile && r.Issuer == issuer
	})
}

// saveRegistration saves r, whose V and Profile are filled in, if the version of
// its issuer's registration is still version, 0 for none. Else the error matches
// [ErrConflict]: another process has registered, and its client is to be used.
func (rs *records) saveRegistration(ctx context.Context, r *registrationRecord, version uint64) (uint64, error) {
	record := *r
	record.V, record.Profile = recordVersion, rs.profile
	return saveRecord(ctx, rs.store, rs.registrationKey(r.Issuer), &record, version)
}

// dropRegistration removes client, which issuer no longer knows. Another client,
// which somebody registered meanwhile, stays.
func (rs *records) dropRegistration(ctx context.Context, issuer, client string) error {
	var err error
	for range maxTries {
		r, version, loadErr := rs.loadRegistration(ctx, issuer)
		if loadErr != nil || r == nil || r.ClientID != client {
			return loadErr
		}
		if err = rs.store.Delete(ctx, rs.registrationKey(issuer), version); !errors.Is(err, ErrConflict) {
			break
		}
	}
	return storeError("delete", err)
}

func (rs *records) pointer(ctx context.Context, server string) (*pointerRecord, uint64, error) {
	return loadRecord(ctx, rs.store, rs.serverKey(server), func(r *pointerRecord) bool {
		return r.Profile == rs.profile && r.Server == server
	})
}

func (rs *records) tokenKey(issuer, resource, client string) string {
	return recordKey("token", rs.profile, issuer, resource, client)
}

func (rs *records) serverKey(server string) string { return recordKey("server", rs.profile, server) }

func (rs *records) registrationKey(issuer string) string {
	return recordKey("registration", rs.profile, issuer)
}

// recordKey hashes what a record is for: a store shows its keys to administrators,
// and may take only short ones. Each part's length goes in, so that parts do not run together.
func recordKey(kind string, parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(hash, "%d:", len(part))
		_, _ = io.WriteString(hash, part)
	}
	return kind + ":" + hex.EncodeToString(hash.Sum(nil))
}

func loadRecord[R any](ctx context.Context, store Store, key string, fits func(*R) bool) (*R, uint64, error) {
	value, version, err := store.Load(ctx, key)
	if err != nil {
		return nil, 0, storeError("load", err)
	}
	if version == 0 {
		return nil, 0, nil
	}
	// What encoding/json says of a bad value may quote it, so its errors go no further.
	var head struct {
		V int `json:"v"`
	}
	if json.Unmarshal(value, &head) != nil || head.V < 1 {
		return nil, 0, recordError("cannot be read: delete it and authorize again", key)
	}
	if head.V != recordVersion {
		return nil, 0, recordError(fmt.Sprintf("has format %d where this program knows %d: use another store, or a newer program", head.V, recordVersion), key)
	}
	record := new(R)
	if json.Unmarshal(value, record) != nil {
		return nil, 0, recordError("cannot be read: delete it and authorize again", key)
	}
	if !fits(record) {
		return nil, 0, recordError("is for another user, server or client, it was copied: delete it", key)
	}
	return record, version, nil
}

func recordError(problem, key string) error {
	return storeError("load", fmt.Errorf("the record %s: %s", problem, key))
}

func saveRecord[R any](ctx context.Context, store Store, key string, record *R, version uint64) (uint64, error) {
	value, err := json.Marshal(record)
	if err != nil {
		return 0, storeError("save", err)
	}
	next, err := store.Save(ctx, key, value, version)
	if err != nil {
		return 0, storeError("save", err)
	}
	return next, nil
}

// replaceRecord saves record whatever is there.
func replaceRecord[R any](ctx context.Context, store Store, key string, record *R) (uint64, error) {
	var err error
	for range maxTries {
		_, version, loadErr := store.Load(ctx, key)
		if loadErr != nil {
			return 0, storeError("load", loadErr)
		}
		var next uint64
		if next, err = saveRecord(ctx, store, key, record, version); !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return 0, err
}
