package auth_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

// The environment that makes this test binary a child of a test.
const (
	childRole = "MCPCLIENT_TEST_STORE_ROLE"
	childDir  = "MCPCLIENT_TEST_STORE_DIR"

	childRounds = 15
)

// runChild is the main function of a child process; it returns the exit code.
func runChild(role, dir string) int {
	store, err := auth.NewFileStore(dir, nil)
	if err == nil {
		err = childRoles[role](context.Background(), store)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

var childRoles = map[string]func(context.Context, *auth.FileStore) error{
	// save saves one value after the other, until it is killed.
	"save": func(ctx context.Context, store *auth.FileStore) error {
		value, version, err := store.Load(ctx, "crash")
		if err != nil {
			return err
		}
		n, _, _ := strings.Cut(string(value), " ")
		last, _ := strconv.Atoi(n)
		for n := last + 1; ; n++ {
			fmt.Fprintln(os.Stdout, n)
			if version, err = store.Save(ctx, "crash", crashValue(n), version); err != nil {
				return err
			}
		}
	},
	// race counts without a lock, against all the others.
	"race": func(ctx context.Context, store *auth.FileStore) error {
		for done := 0; done < childRounds; {
			err := increment(ctx, store, "count")
			if err == nil {
				done++
			} else if !errors.Is(err, auth.ErrConflict) {
				return err
			}
		}
		return nil
	},
	// turn counts under the lock, where nobody may be faster.
	"turn": func(ctx context.Context, store *auth.FileStore) error {
		for range childRounds {
			unlock, err := store.Lock(ctx, "count")
			if err != nil {
				return err
			}
			err = increment(ctx, store, "count")
			unlock()
			if err != nil {
				return err
			}
		}
		return nil
	},
	// refresh uses a token that has expired, see flow_test.go.
	"refresh": refreshInChild,
	// hold takes the lock and keeps it.
	"hold": func(ctx context.Context, store *auth.FileStore) error {
		if _, err := store.Lock(ctx, "held"); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "held")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	},
}

// crashValue is large enough to take the disk some time.
func crashValue(n int) []byte {
	return fmt.Appendf(nil, "%d %s", n, strings.Repeat(string(rune('a'+n%26)), 64<<10))
}

// child starts this binary again. It is killed at the end of the test, if it is still there.
func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	cmd.Stderr = t.Output()
	return cmd
}

func TestFileStoreSurvivesCrashes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	store := newFileStore(t, dir, nil)
	last := 0
	for round := range 15 {
		cmd := child(t, "save", dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		begun := last
		for lines, n := bufio.NewScanner(out), 0; lines.Scan(); n++ {
			begun, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
			if n == 1+round%4 { // in the middle of a save
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait(), "it was killed")

		value, version, err := store.Load(t.Context(), "crash")
		require.NoError(t, err)
		require.NotZero(t, version)
		text, _, _ := strings.Cut(string(value), " ")
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		require.Contains(t, []int{begun - 1, begun}, n, "neither the old value nor the new one")
		require.Equal(t, string(crashValue(n)), string(value))
		last = n
	}

	_, version, err := store.Load(t.Context(), "crash")
	require.NoError(t, err)
	_, err = store.Save(t.Context(), "crash", []byte("calm"), version)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "the value and the lock: what crashes left is gone")
}

func TestFileStoreLosesNoUpdateOfProcesses(t *testing.T) {
	for _, role := range []string{"race", "turn"} {
		t.Run(role, func(t *testing.T) {
			const processes = 3
			dir := filepath.Join(t.TempDir(), "s")
			var started []*exec.Cmd
			for range processes {
				cmd := child(t, role, dir)
				require.NoError(t, cmd.Start())
				started = append(started, cmd)
			}
			for _, cmd := range started {
				require.NoError(t, cmd.Wait())
			}
			require.Equal(t, processes*childRounds, counter(t, newFileStore(t, dir, nil), "count"))
		})
	}
}

func TestFileStoreLockEndsWithItsProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	store := newFileStore(t, dir, nil)
	cmd := child(t, "hold", dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = store.Lock(short, "held")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	unlock, err := store.Lock(t.Context(), "held")
	require.NoError(t, err)
	unlock()
}
