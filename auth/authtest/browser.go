package authtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Browser plays a user who opens the authorization URL in a browser, up to the
// point where the browser would call the client back, and returns the query of
// that callback. It follows no redirect but that one, and needs nobody to listen
// for it. An answer that is no redirect, such as a page that tells the user of a
// client that is not known, is an error.
func (s *Server) Browser(ctx context.Context, authorizationURL string) (url.Values, error) {
	callback, err := s.browse(ctx, authorizationURL)
	if err != nil {
		return nil, err
	}
	return callback.Query(), nil
}

// Open plays the whole browser: it opens the authorization URL and then the
// callback that it is sent to, by GET, and returns when the callback is
// answered.
func (s *Server) Open(ctx context.Context, authorizationURL string) error {
	callback, err := s.browse(ctx, authorizationURL)
	if err != nil {
		return err
	}
	// The client's receiver is on TCP, wherever the server is.
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, callback.String(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := browser.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody)); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("authtest: the callback was answered with %s", response.Status)
	}
	return nil
}

func (s *Server) browse(ctx context.Context, authorizationURL string) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizationURL, http.NoBody)
	if err != nil {
		return nil, err
	}
	browser := *s.client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := browser.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusFound && response.StatusCode != http.StatusSeeOther {
		return nil, fmt.Errorf("authtest: the authorization server shows a page, %s: %s", response.Status, strings.TrimSpace(string(page)))
	}
	return response.Location()
}
