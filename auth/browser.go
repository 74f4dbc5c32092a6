package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// OpenBrowser shows a URL, https or http on loopback, in the user's browser. It
// returns once the program that does so has been started: what becomes of it is
// unknown. It uses no shell and lets nothing of the program's output through. An
// error means that there is no browser to be found here.
func OpenBrowser(ctx context.Context, url string) error {
	if err := checkShownURL(url); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := errors.New("no program to open a browser with is known here")
	for _, command := range browserCommands(runtime.GOOS, os.Getenv) {
		var path string
		if path, err = exec.LookPath(command[0]); err != nil {
			continue
		}
		if err = startAlone(ctx, path, append(command[1:], url)...); err == nil {
			return nil
		}
	}
	return fmt.Errorf("cannot open a browser: %w", err)
}

// startAlone starts a program that outlives ctx: it may be the browser itself.
// Its input and output are the null device; ours may carry JSON-RPC.
func startAlone(ctx context.Context, path string, args ...string) error {
	command := exec.CommandContext(context.WithoutCancel(ctx), path, args...) //nolint:gosec // a program of browserCommands with a URL that checkShownURL has checked
	if err := command.Start(); err != nil {
		return err
	}
	// The child must be waited for, or it stays behind as a zombie; nobody else
	// can wait, for it may run as long as the browser does.
	go command.Wait() //nolint:errcheck // nobody is left to be told
	return nil
}

// browserCommands returns the ways to open a browser on an operating system, best
// first; the URL is the last argument.
func browserCommands(system string, getenv func(string) string) [][]string {
	switch system {
	case "darwin":
		return [][]string{{"/usr/bin/open"}}
	case "windows":
		// Not "cmd /c start", which reads & and ^ in the URL as its own.
		return [][]string{{filepath.Join(getenv("SystemRoot"), "System32", "rundll32.exe"), "url.dll,FileProtocolHandler"}}
	case "linux", "freebsd", "openbsd", "netbsd", "dragonfly":
		if getenv("WSL_DISTRO_NAME") != "" {
			return [][]string{{"wslview"}, {"xdg-open"}}
		}
		if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
			// xdg-open would start a text browser on our terminal.
			return nil
		}
		return [][]string{{"xdg-open"}, {"x-www-browser"}}
	default:
		return nil
	}
}

// checkShownURL is checkBrowserURL for a URL that is about to be opened or printed:
// it also refuses what a launcher or a terminal may take for something of its own.
func checkShownURL(raw string) error {
	if err := checkBrowserURL(raw); err != nil {
		return err
	}
	if !isURLText(raw) {
		return &InsecureURLError{What: "the authorization URL", Reason: "has characters that no URL has"}
	}
	return nil
}

// isURLText reports whether text consists of the characters of RFC 3986 alone.
func isURLText(text string) bool {
	for _, char := range []byte(text) {
		if char <= ' ' || char > '~' || strings.IndexByte("\"<>\\^`{|}", char) >= 0 {
			return false
		}
	}
	return true
}
