package mcpclient

import (
	"fmt"
	"maps"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Validate reports whether content, an argument for [Accept], fits the form: whether it encodes as an object of the form's
// fields, each by its rules, with nothing required missing that has no default. The error is a *[FieldError], the
// first in the order of the fields, or an *[ArgumentError] if content is no object.
//
// Formats other than those of [ElicitationField] are not checked, nor are patterns that package regexp does not know or that
// would take long.
func (e *Elicitation) Validate(content any) error {
	_, err := fillForm(e.Fields, content)
	return err
}

// fillForm encodes content, completes it with defaults and checks it. The result is an object with its members
// in the order of the form.
func fillForm(fields []ElicitationField, content any) (jsontext.Value, error) {
	raw, err := encodeObject("answers", content)
	if err != nil {
		return nil, err
	}
	var values map[string]jsontext.Value
	if raw != nil {
		if err := decode(raw, &values); err != nil {
			return nil, &ArgumentError{What: "answers", Reason: "cannot be read: " + misfit(err), Err: err}
		}
	}
	object := jsontext.Value("{")
	for i := range fields {
		f := &fields[i]
		value := values[f.Name]
		delete(values, f.Name)
		if len(value) == 0 || value.Kind() == 'n' {
			if value = f.fallback; value == nil {
				if f.Required {
					return nil, &FieldError{Field: f.Name, Reason: "is required"}
				}
				continue
			}
		} else if reason := f.check(value); reason != "" {
			return nil, &FieldError{Field: f.Name, Reason: reason}
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object, _ = jsontext.AppendQuote(object, f.Name) // the error tells of replaced bytes only
		object = append(append(object, ':'), value...)
	}
	if len(values) > 0 {
		return nil, &FieldError{Field: slices.Min(slices.Collect(maps.Keys(values))), Reason: "is not in the form"}
	}
	return append(object, '}'), nil
}

// check tells which rule of the field value breaks, "" if none.
func (f *ElicitationField) check(value jsontext.Value) string {
	switch kind := value.Kind(); f.Kind {
	case FieldString:
		if kind != '"' {
			return "must be a string"
		}
		return f.checkText(unquoted(value))
	case FieldEnum:
		if kind != '"' {
			return "must be a string"
		}
		return f.checkChoice(unquoted(value))
	case FieldNumber, FieldInteger:
		if kind != '0' {
			return "must be a number"
		}
		return f.checkNumber(looseParseFloat(string(value)))
	case FieldBoolean:
		if kind != 't' && kind != 'f' {
			return "must be true or false"
		}
		return ""
	case FieldMultiEnum:
		return f.checkChoices(value)
	default:
		return "is of an unknown kind"
	}
}

func unquoted(value jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, value) // a string that was decoded once; the error tells of replaced bytes only
	return string(text)
}

func (f *ElicitationField) checkText(text string) string {
	length := int64(utf8.RuneCountInString(text))
	switch {
	case f.MinLength != nil && length < *f.MinLength:
		return fmt.Sprintf("must have %d or more characters", *f.MinLength)
	case f.MaxLength != nil && length > *f.MaxLength:
		return fmt.Sprintf("must have %d or fewer characters", *f.MaxLength)
	case !hasFormat(text, f.Format):
		return "must be of the format " + f.Format
	case !matches(f.Pattern, text):
		return "must match " + quote(f.Pattern)
	default:
		return ""
	}
}

// hasFormat is plain on purpose: the server has the last word, and a valid text must not be refused here.
func hasFormat(text, format string) bool {
	var err error
	switch format {
	case "email":
		var address *mail.Address
		address, err = mail.ParseAddress(text)
		return err == nil && address.Name == "" && !strings.ContainsAny(text, "<>")
	case "uri":
		var address *url.URL
		address, err = url.Parse(text)
		return err == nil && address.IsAbs() && !strings.ContainsAny(text, " <>\"")
	case "date":
		_, err = time.Parse(time.DateOnly, text)
	case "date-time":
		_, err = time.Parse(time.RFC3339, strings.ToUpper(text))
	}
	return err == nil
}

// A pattern is the server's, and so may be the text, as a default. Matching takes the product of their sizes: what
// takes more steps than maxSteps, a millisecond's work, is not checked here, nor is a pattern of more than
// maxPattern parts, which would take that long to compile.
const (
	maxPattern = 10_000
	maxSteps   = 200_000
)

// matches reports whether text contains a match of pattern. It is also true if that cannot be checked here: patterns of
// JSON Schema are written for JavaScript, and the server has the last word.
func matches(pattern, text string) bool {
	if pattern == "" || len(pattern) > maxPattern {
		return true
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return true
	}
	if size := patternSize(tree); size > maxPattern || size*len(text) > maxSteps {
		return true
	}
	matched, err := regexp.MatchString(pattern, text)
	return matched || err != nil
}

// patternSize counts the parts of a pattern as often as they are repeated. The parser lets no repetition, nested ones
// together, go over 1,000.
func patternSize(tree *syntax.Regexp) int {
	size := 1 + len(tree.Rune)
	for _, part := range tree.Sub {
		size += patternSize(part)
	}
	if tree.Op == syntax.OpRepeat {
		size *= max(tree.Min, tree.Max, 1)
	}
	return size
}

func (f *ElicitationField) checkNumber(n float64) string {
	switch {
	case f.Kind == FieldInteger && n != math.Trunc(n):
		return "must be a whole number"
	case f.Minimum != nil && n < *f.Minimum:
		return "must be at least " + decimal(*f.Minimum)
	case f.Maximum != nil && n > *f.Maximum:
		return "must be at most " + decimal(*f.Maximum)
	default:
		return ""
	}
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

func (f *ElicitationField) checkChoice(value string) string {
	if slices.ContainsFunc(f.Choices, func(c ElicitationChoice) bool { return c.Value == value }) {
		return ""
	}
	return noChoice(value)
}

func (f *ElicitationField) checkChoices(value jsontext.Value) string {
	var values []jsontext.Value
	if value.Kind() != '[' || decode(value, &values) != nil {
		return "must be a list of strings"
	}
	count := int64(len(values))
	switch {
	case f.MinItems != nil && count < *f.MinItems:
		return fmt.Sprintf("must have %d or more of its choices", *f.MinItems)
	case f.MaxItems != nil && count > *f.MaxItems:
		return fmt.Sprintf("must have %d or fewer of its choices", *f.MaxItems)
	}
	offered := make(map[string]bool, len(f.Choices)) // a server may send very many, and as many as its default
	for _, choice := range f.Choices {
		offered[choice.Value] = true
	}
	for _, value := range values {
		if value.Kind() != '"' {
			return "must be a list of strings"
		}
		if chosen := unquoted(value); !offered[chosen] {
			return noChoice(chosen)
		}
	}
	return ""
}

func noChoice(value string) string { return quote(value) + " is none of its choices" }
