package auth

import (
	"cmp"
	"errors"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// withoutAnswer replaces an error whose text, or whose text inside another's,
// holds the body of a token response or a URL with its query: both can hold
// secrets. Other errors it returns as they are.
func withoutAnswer(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return tokenErrorOf(refused)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		host := "token endpoint"
		if at, parseErr := url.Parse(failed.URL); parseErr == nil {
			host = cmp.Or(at.Host, host)
		}
		return &RequestError{Host: host, Err: failed.Err, Passing: true}
	}
	return err
}

func tokenErrorOf(refused *oauth2.RetrieveError) *TokenError {
	converted := &TokenError{Endpoint: "token endpoint", Code: refused.ErrorCode, Description: refused.ErrorDescription}
	response := refused.Response
	if response == nil {
		return converted
	}
	converted.StatusCode = response.StatusCode
	if response.Request != nil && response.Request.URL != nil {
		converted.Endpoint = response.Request.URL.Host
	}
	converted.Wait = retryAfterOf(response.Header, time.Now())
	return converted
}
