package mcpclient

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxFields bounds the fields of one form: nobody fills in more.
const maxFields = 1000

// formSchema is the flat subset of JSON Schema that a form is asked for with (protocol section "Elicitation").
type formSchema struct {
	Type       string         `json:"type"`
	Properties formProperties `json:"properties"`
	Required   []string       `json:"required"`
}

// decodeForm makes the fields of a form. The error says what is wrong with the schema.
func decodeForm(raw jsontext.Value) ([]ElicitationField, error) {
	if raw.Kind() != '{' {
		return nil, errors.New("requestedSchema is not a JSON object")
	}
	var schema formSchema
	if err := decode(raw, &schema); err != nil {
		if field, ok := errors.AsType[*fieldSchemaError](err); ok {
			return nil, field
		}
		return nil, errors.New("requestedSchema: " + misfit(err))
	}
	if schema.Type != "object" && schema.Type != "" {
		return nil, errors.New("requestedSchema has the type " + quote(schema.Type) + ", not object")
	}
	fields := []ElicitationField(schema.Properties)
	byName := make(map[string]*ElicitationField, len(fields))
	for i := range fields {
		byName[fields[i].Name] = &fields[i]
	}
	for _, name := range schema.Required {
		field := byName[name]
		if field == nil { // nobody could ever answer
			return nil, errors.New("requestedSchema requires the property " + quote(name) + ", which it does not have")
		}
		field.Required = true
	}
	return fields, nil
}

// formProperties keeps the fields in the order of the text, which is the order that the server wants them shown in.
type formProperties []ElicitationField

// UnmarshalJSONFrom decodes an object.
func (p *formProperties) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*p = nil
	if dec.PeekKind() != '{' {
		return decodeFrom(dec, new(map[string]struct{})) // null is an empty form, all else fails, and says why
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		if len(*p) == maxFields {
			return &fieldSchemaError{reason: fmt.Sprintf("requestedSchema has more than %d properties", maxFields)}
		}
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String() // before the token's bytes are reused
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		field, err := decodeField(name, raw)
		if err != nil {
			return err
		}
		*p = append(*p, *field)
	}
	_, err := dec.ReadToken()
	return err
}

// fieldSchemaError travels through the decoder, which would bury a plain text in its own.
type fieldSchemaError struct{ reason string }

func (e *fieldSchemaError) Error() string { return e.reason }

// fieldSchema is the schema of one property, every kind in one.
type fieldSchema struct {
	Type        typeName             `json:"type"`
	Title       string               `json:"title"`
	Description string               `json:"description"`
	Default     jsontext.Value       `json:"default"`
	MinLength   looseInt             `json:"minLength"`
	MaxLength   looseInt             `json:"maxLength"`
	Format      string               `json:"format"`
	Pattern     string               `json:"pattern"`
	Minimum     looseFloat           `json:"minimum"`
	Maximum     looseFloat           `json:"maximum"`
	MinItems    looseInt             `json:"minItems"`
	MaxItems    looseInt             `json:"maxItems"`
	Enum        []string             `json:"enum"`
	EnumNames   []string             `json:"enumNames"`
	OneOf       []choiceSchema       `json:"oneOf"`
	AnyOf       []stdjson.RawMessage `json:"anyOf"`
	Items       *itemSchema          `json:"items"`
}

// itemSchema is what a multi-select is chosen from.
type itemSchema struct {
	Type  typeName       `json:"type"`
	Enum  []string       `json:"enum"`
	AnyOf []choiceSchema `json:"anyOf"`
	OneOf []choiceSchema `json:"oneOf"`
}

type choiceSchema struct {
	Const *string `json:"const"`
	Title string  `json:"title"`
}

// decodeField decodes the schema of one property.
func decodeField(name string, raw jsontext.Value) (*ElicitationField, error) {
	wrong := func(reason string) error {
		return &fieldSchemaError{reason: "property " + quote(name) + " " + reason}
	}
	var schema fieldSchema
	err := decode(raw, &schema)
	if err == nil {
		err = schema.dropNull()
	}
	if err != nil {
		return nil, wrong("has " + misfit(err))
	}
	f := &ElicitationField{Name: name, Title: schema.Title, Description: schema.Description}
	if reason := schema.fill(f); reason != "" {
		return nil, wrong(reason)
	}
	f.setDefault(schema.Default)
	return f, nil
}

// dropNull makes "this, or null" the same as "this". Older servers generate it for what is merely not
// required, and to leave such a field out says the same.
func (s *fieldSchema) dropNull() error {
	if s.Type != "" || len(s.AnyOf) != 2 {
		return nil
	}
	outer := *s
	for i, alternative := range s.AnyOf {
		var null, other fieldSchema
		if err := decode(alternative, &null); err != nil || null.Type != typeNull {
			continue
		}
		if err := decode(s.AnyOf[1-i], &other); err != nil {
			return err
		}
		*s = other
		s.Title, s.Description = firstNonEmpty(outer.Title, s.Title), firstNonEmpty(outer.Description, s.Description)
		if outer.Default != nil {
			s.Default = outer.Default
		}
		return nil
	}
	return nil
}

// fill sets kind and rules of f. The result tells what is wrong, "" if nothing is.
func (s *fieldSchema) fill(f *ElicitationField) string {
	switch {
	case s.Enum != nil || s.OneOf != nil:
		f.Kind = FieldEnum
		f.Choices = append(plainChoices(s.Enum, s.EnumNames), titledChoices(s.OneOf)...)
		if s.Type != typeString && s.Type != "" {
			return "is a choice of another type than string"
		}
	case s.Type == typeString:
		f.Kind, f.Format, f.Pattern = FieldString, s.Format, s.Pattern
		f.MinLength, f.MaxLength = s.MinLength.value, s.MaxLength.value
	case s.Type == typeNumber, s.Type == typeInteger:
		f.Kind = ElicitationKind(s.Type)
		f.Minimum, f.Maximum = s.Minimum.value, s.Maximum.value
	case s.Type == typeBoolean:
		f.Kind = FieldBoolean
		return ""
	case s.Type == typeArray && s.Items != nil && (s.Items.Type == typeString || s.Items.Type == ""):
		f.Kind = FieldMultiEnum
		f.Choices = slices.Concat(plainChoices(s.Items.Enum, nil), titledChoices(s.Items.AnyOf), titledChoices(s.Items.OneOf))
		f.MinItems, f.MaxItems = s.MinItems.value, s.MaxItems.value
	case s.Type == "":
		return "has no type"
	default:
		return "is not flat: " + excerpt(string(s.Type)) + " is neither a string, number, boolean nor a choice of strings"
	}
	if isChoice := f.Kind == FieldEnum || f.Kind == FieldMultiEnum; isChoice && len(f.Choices) == 0 {
		return "offers no choice"
	}
	return ""
}

func plainChoices(values, titles []string) []ElicitationChoice {
	var choices []ElicitationChoice
	for i, value := range values {
		choice := ElicitationChoice{Value: value, Title: value}
		if i < len(titles) {
			choice.Title = firstNonEmpty(titles[i], value)
		}
		choices = append(choices, choice)
	}
	return choices
}

// titledChoices leaves out alternatives without a constant, which nobody could choose.
func titledChoices(schemas []choiceSchema) []ElicitationChoice {
	var choices []ElicitationChoice
	for _, s := range schemas {
		if s.Const != nil {
			choices = append(choices, ElicitationChoice{Value: *s.Const, Title: firstNonEmpty(s.Title, *s.Const)})
		}
	}
	return choices
}

// setDefault takes the default unless it breaks the field's own rules: a form completed with it would be invalid through no
// fault of the user.
func (f *ElicitationField) setDefault(raw jsontext.Value) {
	if raw == nil || raw.Kind() == 'n' || f.check(raw) != "" {
		return
	}
	f.fallback = raw
	switch f.Kind {
	case FieldNumber, FieldInteger:
		f.Default = stdjson.Number(raw)
	case FieldBoolean:
		f.Default = raw.Kind() == 't'
	case FieldMultiEnum:
		var values []string
		_ = decode(raw, &values) // checked
		f.Default = values
	case FieldString, FieldEnum:
		var value string
		_ = decode(raw, &value) // checked
		f.Default = value
	}
}

// The types of JSON Schema that may stand in a form.
const (
	typeString  typeName = "string"
	typeNumber  typeName = "number"
	typeInteger typeName = "integer"
	typeBoolean typeName = "boolean"
	typeArray   typeName = "array"
	typeNull    typeName = "null"
)

// typeName is the `type` of a schema. A list of one type and "null" is that type.
type typeName string

// UnmarshalJSONFrom decodes a string, or a list of them.
func (t *typeName) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = ""
	if dec.PeekKind() != '[' {
		return decodeFrom(dec, (*string)(t))
	}
	var names []string
	if err := decodeFrom(dec, &names); err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == string(typeNull) })
	if len(names) != 1 {
		return errManyTypes
	}
	*t = typeName(names[0])
	return nil
}

var errManyTypes = errors.New("a choice of types")
