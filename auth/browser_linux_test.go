package auth_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestOpenBrowserHandsOverOneArgument lets a script stand for the browser: it
// reports its arguments through a pipe, and then goes on as long as a browser may.
func TestOpenBrowserHandsOverOneArgument(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := t.TempDir()
	report, end := filepath.Join(folder, "report"), filepath.Join(folder, "end")
	require.NoError(t, syscall.Mkfifo(report, 0o600))
	require.NoError(t, syscall.Mkfifo(end, 0o600))
	cat, err := exec.LookPath("cat")
	require.NoError(t, err)
	script := "#!/bin/sh\necho noise; echo noise >&2\nprintf '%s %s' \"$#\" \"$1\" > " + report + "\n" + cat + " " + end + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "xdg-open"), []byte(script), 0o700))
	t.Setenv("PATH", folder)
	t.Setenv("DISPLAY", ":0")
	t.Setenv("WSL_DISTRO_NAME", "")

	const at = "https://as.example/authorize?a=$(touch%20x)&b=;c'&d=*"
	require.NoError(t, auth.OpenBrowser(t.Context(), at), "it does not wait for the browser's end")
	got, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Equal(t, "1 "+at, string(got))
	require.NoError(t, os.WriteFile(end, nil, 0))
}

func TestOpenBrowserWithoutOne(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("WSL_DISTRO_NAME", "")
	t.Setenv("DISPLAY", ":0")
	require.ErrorIs(t, auth.OpenBrowser(t.Context(), "https://as.example/"), exec.ErrNotFound)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	require.ErrorContains(t, auth.OpenBrowser(t.Context(), "https://as.example/"), "cannot open a browser")
}
