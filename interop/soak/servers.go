package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-mcp/mcpclient"
)

// A kind is one of the real servers: how it is started, and what it is asked for.
type kind struct {
	name    string
	ports   int    // the first of the thousand ports for its processes
	pin     string // the version that its clients are bound to; "": the newest that both speak
	command func(folders) ([]string, error)

	// count calls a tool that writes the nonce to the server's ledger of executions, and works for so long afterwards.
	count func(n nonce, seconds float64) (tool string, args map[string]any)
	// counted is what count answers without work; with work it may be another text.
	counted func(n nonce) string
	// slow reports its progress.
	slow             string
	slowArgs         map[string]any
	resource, prompt string
	promptArgs       map[string]string
	listen           mcpclient.Filter
}

// kinds are the servers of the soak; session i talks to kind i modulo their number.
func kinds() []kind {
	return []kind{everything(), ours("FastMCP", 27000, "2025-11-25", fastMCP), ours("official Go SDK", 28000, "", goSDK)}
}

// ours is a server with the small set of tools of the interop suite.
func ours(name string, ports int, pin string, command func(folders) ([]string, error)) kind {
	return kind{
		name: name, ports: ports, pin: pin, command: command,
		count: func(n nonce, seconds float64) (string, map[string]any) {
			return "count", map[string]any{"nonce": n.String(), "seconds": seconds}
		},
		counted: nonce.String,
		slow:    "slow", slowArgs: map[string]any{"seconds": 0.2, "steps": 2},
		resource: "interop://motto", prompt: "greet", promptArgs: map[string]string{"name": "Ada"},
		listen: mcpclient.Filter{Tools: true},
	}
}

// everything is server-everything, which brings tools of its own. A preload gives it the ledger.
func everything() kind {
	return kind{
		name: "server-everything", ports: 26000, command: serverEverything,
		count: func(n nonce, seconds float64) (string, map[string]any) {
			if seconds == 0 {
				return "echo", map[string]any{"nonce": n.String(), "message": n.String()}
			}
			return "trigger-long-running-operation", map[string]any{"nonce": n.String(), "duration": seconds, "steps": 1}
		},
		counted: func(n nonce) string { return "Echo: " + n.String() },
		slow:    "trigger-long-running-operation", slowArgs: map[string]any{"duration": 0.2, "steps": 2},
		resource: "demo://resource/static/document/features.md", prompt: "args-prompt", promptArgs: map[string]string{"city": "Rome"},
		listen: mcpclient.Filter{Tools: true, ResourceURIs: []string{"demo://resource/static/document/features.md"}},
	}
}

// folders are where things lie: the interop module, what its install.sh installed, and what this run makes.
type folders struct{ module, cache, run string }

func goSDK(in folders) ([]string, error) {
	binary := filepath.Join(in.run, "gosdk-server")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, "./cmd/gosdk-server") //nolint:gosec // our own folder
	build.Dir = in.module
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the Go server: %w\n%s", err, output)
	}
	return []string{binary, "sessions"}, nil
}

func fastMCP(in folders) ([]string, error) {
	folder, err := in.installed("python-fastmcp", filepath.Join("python", "requirements-fastmcp.txt"))
	if err != nil {
		return nil, err
	}
	return []string{filepath.Join(folder, "bin", "python"), filepath.Join(in.module, "python", "server.py"), "fastmcp", "sessions"}, nil
}

func serverEverything(in folders) ([]string, error) {
	folder, err := in.installed("everything", filepath.Join("everything", "package-lock.json"))
	if err != nil {
		return nil, err
	}
	program := filepath.Join(folder, "node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js")
	node := cmp.Or(os.Getenv("NODE"), "node")
	return []string{node, "--import", filepath.Join(folder, "preload.mjs"), program, "streamableHttp"}, nil
}

// installed finds where install.sh put a server. The name carries the hash of the lock file, so that a stale install is not found.
func (in folders) installed(name, lock string) (string, error) {
	content, err := os.ReadFile(filepath.Join(in.module, lock)) //nolint:gosec // the flags say where
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(content)
	folder := filepath.Join(in.cache, name+"-"+hex.EncodeToString(hash[:])[:16])
	if _, err := os.Stat(filepath.Join(folder, "complete")); err == nil { //nolint:gosec // as above
		return folder, nil
	}
	if why, err := os.ReadFile(filepath.Join(in.cache, name+".missing")); err == nil { //nolint:gosec // as above
		return "", fmt.Errorf("%s: %s", name, strings.TrimSpace(string(why)))
	}
	return "", errors.New(name + " is not installed: run ./install.sh")
}

func (in folders) ledger(k kind) string {
	return filepath.Join(in.run, strings.ReplaceAll(k.name, " ", "-")+".ledger")
}

func (in folders) output(k kind) string {
	return filepath.Join(in.run, strings.ReplaceAll(k.name, " ", "-")+".output")
}
