package jsonrpc

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// ID is the id of a request or of its answer: the raw JSON token, so that an answer repeats exactly what was asked with. The zero ID
// is an absent or null id. An ID made by Decode aliases the decoded data.
type ID struct {
	raw jsontext.Value // a number or a string; from a broken peer any other value but null
}

// NumberID returns the id n as a JSON number.
func NumberID(n int64) ID { return ID{raw: strconv.AppendInt(nil, n, 10)} }

// StringID returns the id s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func StringID(s string) ID { return ID{raw: appendQuoted(nil, s)} }

// Clone returns a copy that does not alias the decoded data.
func (id ID) Clone() ID { return ID{raw: id.raw.Clone()} }

// IsZero reports whether the id is absent or null.
func (id ID) IsZero() bool { return len(id.raw) == 0 }

// Is reports whether the id means n: as 7, 7.0, 7e0 or "7". The decimal text is compared, never a float64, in which neighbouring ids
// above 2^53 would be equal.
func (id ID) Is(n int64) bool {
	value, ok := id.Int64()
	return ok && value == n
}

// Int64 returns the integer that the id means, by the rules of Is, for tables keyed by request id. It is false for any other id.
func (id ID) Int64() (int64, bool) { return integer(id.raw) }

// Usable reports whether the id can belong to a request: a number or an integer in a string. Servers that refuse a request before
// they read its id answer with null, "" or a word of their own ("server-error").
func (id ID) Usable() bool {
	switch id.raw.Kind() {
	case jsontext.KindNumber:
		return true
	case jsontext.KindString:
		return isPlainInteger(unquote(id.raw))
	default:
		return false
	}
}

// String returns the JSON text of the id.
func (id ID) String() string { return string(id.appendTo(nil)) }

// MarshalJSON returns the raw token of the id, or null for the zero ID. encoding/json/v2 may still choose other escapes for a string;
// AppendResult and AppendError keep every byte.
func (id ID) MarshalJSON() ([]byte, error) { return id.appendTo(nil), nil }

func (id ID) appendTo(dst []byte) []byte {
	if id.IsZero() {
		return append(dst, "null"...)
	}
	return append(dst, id.raw...)
}

// integer returns the exact value of a JSON number, or of a JSON string that holds a plain integer.
func integer(token jsontext.Value) (int64, bool) {
	switch token.Kind() {
	case jsontext.KindNumber:
		return parseNumber(token)
	case jsontext.KindString:
		if text := unquote(token); isPlainInteger(text) {
			return parseNumber(text)
		}
	}
	return 0, false
}

// isPlainInteger reports whether text is a JSON number without fraction and exponent.
func isPlainInteger(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// parseNumber returns the exact value of a valid JSON number, if that is an integer of 64 bits. Zeros are only counted until a further
// digit follows them, so the trailing ones never overflow the value: 7.000 is 7 with three zeros to spare.
func parseNumber(token []byte) (int64, bool) {
	digits, negative := bytes.CutPrefix(token, []byte("-"))
	mantissa, power := digits, int64(0)
	if i := bytes.IndexAny(digits, "eE"); i >= 0 {
		mantissa, power = digits[:i], parseExponent(digits[i+1:])
	}
	var value uint64
	var ok bool
	zeros, inFraction := int64(0), false
	for _, c := range mantissa {
		if c == '.' {
			inFraction = true
			continue
		}
		if inFraction {
			power--
		}
		if c == '0' {
			zeros++
			continue
		}
		if value, ok = shift(value, zeros+1); !ok {
			return 0, false
		}
		value += uint64(c - '0')
		zeros = 0
	}
	if value == 0 {
		return 0, true
	}
	if value, ok = shift(value, power+zeros); !ok {
		return 0, false
	}
	switch {
	case negative && value <= 1<<63:
		return -int64(value), true //nolint:gosec // 1<<63 becomes math.MinInt64, which is its own negative
	case !negative && value <= math.MaxInt64:
		return int64(value), true
	}
	return 0, false
}

// shift returns value * 10^places, and false if that is no integer or leaves no room for a last digit in 64 bits.
func shift(value uint64, places int64) (uint64, bool) {
	if value == 0 {
		return 0, true
	}
	if places < 0 {
		return 0, false
	}
	for ; places > 0; places-- {
		if value > (math.MaxUint64-9)/10 {
			return 0, false
		}
		value *= 10
	}
	return value, true
}

// parseExponent returns the exponent of a JSON number, held within a range that no mantissa in memory can outweigh.
func parseExponent(text []byte) int64 {
	const limit = 1 << 50
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	digits = bytes.TrimPrefix(digits, []byte("+"))
	power := int64(0)
	for _, c := range digits {
		power = min(power*10+int64(c-'0'), limit)
	}
	if negative {
		return -power
	}
	return power
}
