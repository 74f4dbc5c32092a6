package auth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// chooseIssuer picks one of the authorization servers that an MCP server names;
// the choice is the client's (RFC 9728 section 7.6). pinned are the only ones that
// may be used; nil: any. held are those where there is a token or a registration
// already. Both are in order of preference.
func (d *discoverer) chooseIssuer(server *url.URL, pr *protectedResource, pinned, held []string) (string, error) {
	allowed := pr.issuers
	if len(pinned) > 0 {
		allowed = d.common(pinned, pr.issuers)
		if len(allowed) == 0 {
			return "", &ServerChangedError{Server: withoutQuery(server), Known: slices.Clone(pinned), Offered: slices.Clone(pr.issuers)}
		}
	}
	if d.policy.TrustedIssuers != nil {
		received := strings.Join(allowed, " ")
		allowed = slices.DeleteFunc(slices.Clone(allowed), func(issuer string) bool { return !d.contains(d.policy.TrustedIssuers, issuer) })
		if len(allowed) == 0 {
			return "", &IssuerMismatchError{Kind: "configuration", Expected: strings.Join(d.policy.TrustedIssuers, " "), Received: received}
		}
	}
	if len(pinned) > 0 {
		return allowed[0], nil
	}
	if known := d.common(held, allowed); len(known) > 0 {
		return known[0], nil
	}
	return d.newIssuer(server, allowed)
}

// newIssuer picks one of several authorization servers that are not known yet.
func (d *discoverer) newIssuer(server *url.URL, issuers []string) (string, error) {
	usable := make([]string, 0, len(issuers))
	unusable := fmt.Errorf("%w: %s names no authorization server", ErrAuthorization, quote(withoutQuery(server)))
	for _, issuer := range issuers {
		if _, err := d.checkIssuer(server, issuer); err != nil {
			unusable = err
			continue
		}
		usable = append(usable, issuer)
	}
	if len(usable) == 0 {
		return "", unusable
	}
	if d.policy.ChooseIssuer == nil {
		return usable[0], nil
	}
	chosen, err := d.policy.ChooseIssuer(copyURL(server), slices.Clone(usable))
	if err != nil {
		return "", fmt.Errorf("%w: Policy.ChooseIssuer: %w", ErrAuthorization, err)
	}
	if !slices.Contains(usable, chosen) {
		return "", fmt.Errorf("%w: Policy.ChooseIssuer returns %s, which is none of those to choose from", ErrAuthorization, quote(chosen))
	}
	return chosen, nil
}

// checkIssuer parses an issuer identifier (RFC 8414 section 2).
func (d *discoverer) checkIssuer(server *url.URL, issuer string) (*url.URL, error) {
	at, err := d.fetch.checkURL(server, issuer, "issuer")
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(issuer, "?#") {
		return nil, badMetadata(at, errors.New("an issuer has neither query nor fragment (RFC 8414 section 2)"))
	}
	return at, nil
}

// common returns the entries of offered that are in wanted, in the order of wanted
// and in the words of offered.
func (d *discoverer) common(wanted, offered []string) []string {
	var both []string
	for _, want := range wanted {
		for _, offer := range offered {
			if d.sameIssuer(want, offer) {
				both = append(both, offer)
			}
		}
	}
	return both
}

func (d *discoverer) contains(issuers []string, wanted string) bool {
	return slices.ContainsFunc(issuers, func(issuer string) bool { return d.sameIssuer(issuer, wanted) })
}

// sameIssuer compares two issuers as strings, not as URLs: two spellings of one
// URL can be two servers, one of them an attacker's (RFC 8414 section 4).
func (d *discoverer) sameIssuer(a, b string) bool {
	if d.policy.TrailingSlash {
		a, b = strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/")
	}
	return a == b
}
