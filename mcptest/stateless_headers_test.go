package mcptest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

func TestStatelessParameterHeaders(t *testing.T) {
	w := stateless(t)
	w.srv.AddTool(mcpclient.Tool{Name: "query", InputSchema: json.RawMessage(`{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},"limit":{"type":"integer","x-mcp-header":"limit"},"dry":{"type":"boolean","x-mcp-header":"Dry"},
		"deep":{"type":"object","properties":{"key":{"type":"string","x-mcp-header":"Key"}}},"text":{"type":"string"}}}`)}, nil)
	const code = -32020
	for name, test := range map[string]struct {
		arguments string
		change    http.Header
		code      int // 0: accepted
	}{
		"nothing to mirror":  {`{"text":"x"}`, nil, 0},
		"null":               {`{"region":null,"deep":null}`, nil, 0},
		"all of them":        {`{"region":"eu","limit":42,"dry":false,"deep":{"key":"k"}}`, http.Header{"Mcp-Param-Region": {"eu"}, "Mcp-Param-Limit": {"42"}, "Mcp-Param-Dry": {"false"}, "Mcp-Param-Key": {"k"}}, 0},
		"empty":              {`{"region":""}`, http.Header{"Mcp-Param-Region": {""}}, 0},
		"encoded":            {`{"region":" 日本語"}`, http.Header{"Mcp-Param-Region": {"=?base64?IOaXpeacrOiqng==?="}}, 0},
		"encoded sentinel":   {`{"region":"=?base64?literal?="}`, http.Header{"Mcp-Param-Region": {"=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="}}, 0},
		"a whole number":     {`{"limit":42.0}`, http.Header{"Mcp-Param-Limit": {"42"}}, 0},
		"the largest number": {`{"limit":9007199254740991}`, http.Header{"Mcp-Param-Limit": {"9007199254740991"}}, 0},
		"missing":            {`{"region":"eu"}`, nil, code},
		"missing, inside":    {`{"deep":{"key":""}}`, nil, code},
		"wrong text":         {`{"region":"eu"}`, http.Header{"Mcp-Param-Region": {"EU"}}, code},
		"wrong number":       {`{"limit":42}`, http.Header{"Mcp-Param-Limit": {"41"}}, code},
		"a written fraction": {`{"limit":42}`, http.Header{"Mcp-Param-Limit": {"42.0"}}, code},
		"leading zeros":      {`{"limit":42}`, http.Header{"Mcp-Param-Limit": {"042"}}, code},
		"wrong truth":        {`{"dry":true}`, http.Header{"Mcp-Param-Dry": {"True"}}, code},
		"trimmed":            {`{"region":" eu"}`, http.Header{"Mcp-Param-Region": {" eu"}}, code},
		"null is mirrored":   {`{"region":null}`, http.Header{"Mcp-Param-Region": {"null"}}, code},
		"not asked for":      {`{"text":"x"}`, http.Header{"Mcp-Param-Text": {"x"}}, code},
	} {
		r := w.post("tools/call", `{"name":"query","arguments":`+test.arguments+`}`, test.change)
		if test.code == 0 {
			require.Equal(t, http.StatusOK, r.status, name+": "+r.body)
			continue
		}
		require.Equal(t, http.StatusBadRequest, r.status, name)
		require.Equal(t, test.code, w.answer(r).Error.Code, name)
	}
}
