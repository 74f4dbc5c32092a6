package mcpclient

import (
	stdjson "encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Meta is the `_meta` object of a message or of one of its parts: names chosen by the server or by an
// extension, values as they were sent. Nil means that there was none.
type Meta map[string]stdjson.RawMessage

// UnmarshalJSONFrom decodes an object. Anything else counts as absent: what only decorates an answer
// must not cost the answer.
func (m *Meta) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		*m = nil
		return dec.SkipValue()
	}
	return decodeFrom(dec, (*map[string]stdjson.RawMessage)(m))
}

// looseInt takes any JSON number: 12.0 and 1e3 are whole numbers too. A fraction is cut off, and what
// int64 cannot hold becomes its nearest value. Null is absent.
type looseInt struct{ value *int64 }

func (n *looseInt) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	digits, err := readNumber(dec)
	if digits == "" {
		n.value = nil
		return err
	}
	whole, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		whole = clampToInt(looseParseFloat(digits))
	}
	n.value = &whole
	return nil
}

func clampToInt(f float64) int64 {
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	default:
		return int64(f)
	}
}

// looseFloat takes any JSON number; what float64 cannot hold becomes its nearest finite value, so that it
// can be encoded again. Null is absent.
type looseFloat struct{ value *float64 }

func (n *looseFloat) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	digits, err := readNumber(dec)
	if digits == "" {
		n.value = nil
		return err
	}
	f := looseParseFloat(digits)
	n.value = &f
	return nil
}

// orZero is the number, 0 where it is absent.
func (n *looseFloat) orZero() float64 {
	if n.value == nil {
		return 0
	}
	return *n.value
}

func looseParseFloat(digits string) float64 {
	f, _ := strconv.ParseFloat(digits, 64) // of a JSON number: the only error is the range, and ±Inf says it
	return max(-math.MaxFloat64, min(f, math.MaxFloat64))
}

// readNumber returns the digits of a JSON number, "" for null.
func readNumber(dec *jsontext.Decoder) (string, error) {
	if kind := dec.PeekKind(); kind != '0' && kind != 'n' {
		return "", decodeFrom(dec, new(float64)) // fails, and says where and why
	}
	raw, err := dec.ReadValue()
	if err != nil || raw.Kind() == 'n' {
		return "", err
	}
	return string(raw), nil
}

// stringList takes an array of strings, or one string with words in it, which early servers send.
type stringList []string

func (l *stringList) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '"' {
		return decodeFrom(dec, (*[]string)(l))
	}
	words, err := dec.ReadToken()
	if err == nil {
		*l = strings.Fields(words.String())
	}
	return err
}

// absentIfNull makes a null member the same as an absent one.
func absentIfNull(raw *stdjson.RawMessage) {
	if jsontext.Value(*raw).Kind() == 'n' {
		*raw = nil
	}
}

// The methods below give every type of the protocol its wire form in both versions of encoding/json:
// version 1 knows neither the embedding of Extra nor our rules. Version 2 prefers UnmarshalJSONFrom, which
// reads from the running decoder instead of scanning the value a second time. The local type without
// methods keeps each of them from calling itself.

func encode(v any) ([]byte, error) { return json.Marshal(v, marshalOptions) }

func decode(data []byte, v any) error { return json.Unmarshal(data, v, unmarshalOptions) }

func decodeFrom(dec *jsontext.Decoder, v any) error {
	return json.UnmarshalDecode(dec, v, unmarshalOptions)
}
