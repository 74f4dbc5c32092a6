package mcpclient

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// paramHeaders computes the headers for the arguments of one call. A value that is absent or null has none. The error is an
// *ArgumentError, with DeliveryNotSent: an object or array where a single value is declared, or a whole number that not every
// server can read exactly. A value of another simple type than the declared one is the server's to refuse.
func paramHeaders(params []headerParam, arguments jsontext.Value) (http.Header, error) {
	if len(params) == 0 || len(arguments) == 0 {
		return nil, nil
	}
	m := mirror{dec: jsontext.NewDecoder(bytes.NewBuffer(arguments), unmarshalOptions), header: make(http.Header, len(params))}
	if err := m.object(params, 0); err != nil {
		if !is[*ArgumentError](err) {
			err = &ArgumentError{What: "arguments", Reason: "are not valid JSON: " + clip(err.Error()), Err: err}
		}
		return nil, fail(err, DeliveryNotSent)
	}
	return m.header, nil
}

// mirror reads the arguments once and collects the values that headers repeat.
type mirror struct {
	dec    *jsontext.Decoder
	header http.Header
}

// object reads the value at a path of the given length. All params lie below it.
func (m *mirror) object(params []headerParam, depth int) error {
	return eachMember(m.dec, func(name string) error {
		var below []headerParam
		for _, p := range params {
			if p.path[depth] == name {
				below = append(below, p)
			}
		}
		if len(below) == 0 {
			return m.dec.SkipValue()
		}
		return m.value(below, depth+1)
	})
}

// value reads the value at a path of the given length. All params lie at it or below.
func (m *mirror) value(params []headerParam, depth int) error {
	var here *headerParam
	for i := range params {
		if len(params[i].path) == depth {
			here = &params[i]
		}
	}
	if here == nil {
		return m.object(params, depth)
	}
	raw, err := m.dec.ReadValue()
	if err != nil || raw.Kind() == 'n' {
		return err
	}
	text, err := scalarText(raw)
	if err != nil {
		return &ArgumentError{What: "arguments", Reason: fmt.Sprintf("cannot be sent: the value at %s, declared as %s and repeated in the header %s, %v",
			quote(string(m.dec.StackPointer())), here.kind, excerpt(here.header), err)}
	}
	m.header[here.header] = []string{headerValue(text)}
	return nil
}

var (
	errNoScalar      = errors.New("must not be an object or array")
	errUnsafeInteger = errors.New("must lie within ±(2^53-1)")
)

// scalarText is the text of a string, number or boolean, as every server writes it.
func scalarText(raw jsontext.Value) (string, error) {
	switch raw.Kind() {
	case '"':
		var text string
		err := decode(raw, &text)
		return text, err
	case '0':
		return numberText(string(raw))
	case 't', 'f':
		return string(raw), nil
	default:
		return "", errNoScalar
	}
}

// numberText writes a whole number without exponent and fraction: 42.0 and 4.2e1 are 42. It works on the digits, because a
// float64 would quietly turn what must not be sent into its neighbour. A number with a fraction is written as JavaScript does
// (RFC 8785 section 3.2.2.3).
func numberText(number string) (string, error) {
	const maxSafe = 1<<53 - 1
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	shift, _ := strconv.ParseInt(exponent, 10, 32) // none is 0; of one out of range it is the nearest, far enough away
	digits := strings.TrimLeft(whole+fraction, "0")
	places := int64(len(digits)-len(fraction)) + shift // of the digits, those before the point
	digits = strings.TrimRight(digits, "0")
	switch {
	case digits == "":
		return "0", nil
	case places < int64(len(digits)):
		canonical := jsontext.Value(number)
		err := canonical.Canonicalize()
		return string(canonical), err
	case places > int64(len("9007199254740991")):
		return "", errUnsafeInteger
	}
	digits += strings.Repeat("0", int(places)-len(digits))
	if n, err := strconv.ParseInt(digits, 10, 64); err != nil || n > maxSafe {
		return "", errUnsafeInteger
	}
	if negative {
		digits = "-" + digits
	}
	return digits, nil
}

// headerValue encodes a value for Mcp-Name and Mcp-Param-*: literally where HTTP carries it unchanged, else as =?base64?…?=.
// The result never holds a byte that could end the header.
func headerValue(s string) string {
	const prefix, suffix = "=?base64?", "?="
	changed := strings.TrimSpace(s) != s || // HTTP trims
		strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) ||
		strings.HasPrefix(s, prefix) && strings.HasSuffix(s, suffix) // would be taken for an encoded one
	if !changed {
		return s
	}
	// As in the body, each byte that is no UTF-8 becomes U+FFFD: the server compares the two.
	return prefix + base64.StdEncoding.EncodeToString([]byte(string([]rune(s)))) + suffix
}
