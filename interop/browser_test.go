package interop_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A user has a browser, an account and an opinion: yes. The browser is a plain HTTP client with cookies that fills in forms.
type user struct {
	client *http.Client
	agreed int // consent pages
}

func newUser(t *testing.T) *user {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &user{client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// open opens a page, fills in its forms, and follows redirects, the last of them to where the application waits.
func (u *user) open(ctx context.Context, page string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	for range 20 {
		if err != nil {
			return err
		}
		var answer *http.Response
		if answer, err = u.client.Do(request); err != nil {
			return err
		}
		text, readErr := io.ReadAll(answer.Body)
		if err := errors.Join(readErr, answer.Body.Close()); err != nil {
			return err
		}
		switch next, redirects := answer.Location(); {
		case redirects == nil:
			request, err = http.NewRequestWithContext(ctx, http.MethodGet, next.String(), http.NoBody)
		case strings.Contains(string(text), "<form"):
			request, err = u.fillIn(ctx, request.URL, string(text))
		case answer.StatusCode == http.StatusOK:
			return nil
		default:
			return fmt.Errorf("HTTP %d: %s", answer.StatusCode, text)
		}
	}
	return errors.New("too many pages")
}

// fillIn answers the login page with a name, and the consent page with yes.
func (u *user) fillIn(ctx context.Context, at *url.URL, page string) (*http.Request, error) {
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(page)
	prompt := regexp.MustCompile(`name="prompt" value="([^"]+)"`).FindStringSubmatch(page)
	if action == nil || prompt == nil {
		return nil, errors.New("a page with a form that is none of those expected:\n" + page)
	}
	form := url.Values{"prompt": {prompt[1]}}
	if prompt[1] == "login" {
		form.Set("login", "ada")
		form.Set("password", "analytical")
	} else {
		u.agreed++
	}
	to, err := at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}
