module github.com/holdfast-mcp/mcpclient/property

go 1.26.0

replace github.com/holdfast-mcp/mcpclient => ../

require (
	github.com/holdfast-mcp/mcpclient v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.25.0 // indirect
)
