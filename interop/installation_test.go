package interop_test

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An installation is the cache folder that install.sh filled. TestMain adds to it a folder run with the Go servers and the results.
type installation struct{ cache string }

// An installed server can be started.
type installed struct {
	version string // read from what is installed, not from what was asked for
	command []string
}

func findInstallation() (installation, error) {
	cache, err := filepath.Abs(cmp.Or(os.Getenv("MCPCLIENT_INTEROP_CACHE"), ".cache"))
	return installation{cache}, err
}

func (in installation) programs() string { return filepath.Join(in.cache, "run", "bin") }
func (in installation) results() string  { return filepath.Join(in.cache, "run", "results") }

// folder finds where install.sh put a server: the name carries the hash of the lock file as it is now, so that a stale install is
// not found. Where it did not install, it left the reason.
func (in installation) folder(name, lock string) (string, error) {
	content, err := os.ReadFile(lock)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(content)
	folder := filepath.Join(in.cache, name+"-"+hex.EncodeToString(hash[:])[:16])
	if _, err := os.Stat(filepath.Join(folder, "complete")); err == nil {
		return folder, nil
	}
	if why, err := os.ReadFile(filepath.Join(in.cache, name+".missing")); err == nil {
		return "", errors.New(strings.TrimSpace(string(why)))
	}
	return "", errors.New("not installed: run ./install.sh")
}

func goServer(program, module string, serves transport) func(installation) (installed, error) {
	return func(in installation) (installed, error) {
		binary := filepath.Join(in.programs(), program)
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			return installed{}, err
		}
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return installed{dependency.Version, []string{binary, string(serves)}}, nil
			}
		}
		return installed{}, fmt.Errorf("%s was built without %s", program, module)
	}
}

func pythonServer(lock, kind, distribution string, serves transport) func(installation) (installed, error) {
	return func(in installation) (installed, error) {
		requirements := filepath.Join("python", "requirements-"+lock+".txt")
		folder, err := in.folder("python-"+lock, requirements)
		if err != nil {
			return installed{}, err
		}
		version, err := pinned(requirements, distribution)
		if err != nil {
			return installed{}, err
		}
		python := filepath.Join(folder, "bin", "python")
		return installed{version, []string{python, filepath.Join("python", "server.py"), kind, string(serves)}}, nil
	}
}

// pinned reads a version from a requirements file; pip installed exactly that one.
func pinned(requirements, distribution string) (string, error) {
	content, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), "=="); ok && name == distribution {
			return version, nil
		}
	}
	return "", fmt.Errorf("%s does not pin %s", requirements, distribution)
}

func everythingServer(mode string) func(installation) (installed, error) {
	return func(in installation) (installed, error) {
		folder, version, err := in.node("everything", "@modelcontextprotocol/server-everything")
		if err != nil {
			return installed{}, err
		}
		program := filepath.Join(folder, "node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js")
		return installed{version, []string{nodeProgram(), "--import", filepath.Join(folder, "preload.mjs"), program, mode}}, nil
	}
}

func typeScriptServer(in installation) (installed, error) {
	folder, version, err := in.node("typescript", "@modelcontextprotocol/server")
	if err != nil {
		return installed{}, err
	}
	return installed{version, []string{nodeProgram(), filepath.Join(folder, "server.mjs")}}, nil
}

// oidcProvider is an authorization server.
func oidcProvider(in installation) (installed, error) {
	folder, version, err := in.node("oidc", "oidc-provider")
	if err != nil {
		return installed{}, err
	}
	return installed{version, []string{nodeProgram(), filepath.Join(folder, "server.mjs")}}, nil
}

func nodeProgram() string { return cmp.Or(os.Getenv("NODE"), "node") }

// node finds an installation of Node packages, and the version of the one that matters.
func (in installation) node(name, distribution string) (folder, version string, err error) {
	if folder, err = in.folder(name, filepath.Join(name, "package-lock.json")); err != nil {
		return "", "", err
	}
	content, err := os.ReadFile(filepath.Join(folder, "node_modules", filepath.FromSlash(distribution), "package.json"))
	if err != nil {
		return "", "", err
	}
	var manifest struct {
		Version string `json:"version"`
	}
	err = json.Unmarshal(content, &manifest)
	return folder, manifest.Version, err
}
