//go:build unix

// Package child runs a server of the interop suite in a process of its own: starts it, waits until its port answers, kills it.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Server is a server process that can be started again on the same port after it was killed. Its methods are safe for concurrent use.
type Server struct {
	command []string
	env     []string
	port    int
	log     string // the file that takes the process's output, of all its lives

	mu      sync.Mutex
	process *process // nil while none runs
}

type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // the server ends when this closes, so also when the test's process is killed
	ended chan struct{} // closed when the process has been waited for
}

// New describes a server: the command, what to add to its environment (PORT is added here), the port on 127.0.0.1 on which it will
// answer, and the file for its output. It starts nothing.
func New(command, env []string, port int, log string) *Server {
	return &Server{command: command, env: append(env, fmt.Sprintf("PORT=%d", port)), port: port, log: log}
}

// Port is the port on 127.0.0.1 where the server answers.
func (s *Server) Port() int { return s.port }

// Start starts the process and returns when its port accepts a connection, when the process has ended without that, or when ctx has.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return errors.New("the server runs already")
	}
	p, err := s.launch(ctx)
	if err != nil {
		return err
	}
	s.process = p
	if err := s.awaitPort(ctx, p); err != nil {
		return errors.Join(err, s.killLocked())
	}
	return nil
}

// Kill ends the process at once, with SIGKILL to it and to the processes that it started, and returns when it is gone. Without a
// running process it does nothing.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killLocked()
}

func (s *Server) killLocked() error {
	p := s.process
	if p == nil {
		return nil
	}
	s.process = nil
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		err = nil // it ended by itself, and so did all that it started
	}
	<-p.ended
	return errors.Join(err, p.stdin.Close())
}

func (s *Server) launch(ctx context.Context) (*process, error) {
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	// ctx bounds the start, not the server's life: Kill ends that.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), s.command[0], s.command[1:]...) //nolint:gosec // the command is the test's own
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: the kill reaches what the server itself started, and a Ctrl-C at the terminal reaches the test first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, stdin.Close())
	}
	p := &process{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_, _ = cmd.Process.Wait() // how it ended says nothing: we kill it
	}()
	return p, nil
}

// awaitPort tries the port until it answers. A server listens some 20 ms (Go) to 2 s (Python, on a busy machine) after its start.
func (s *Server) awaitPort(ctx context.Context, p *process) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-p.ended:
			return fmt.Errorf("%s ended before it answered on port %d; its output is in %s", s.command[0], s.port, s.log)
		case <-ctx.Done():
			return fmt.Errorf("waiting for port %d: %w", s.port, ctx.Err())
		}
	}
}

// FreePort finds a port on 127.0.0.1 in [low, high) on which nothing listens. Callers at once use ranges of their own, below the
// range from which the system takes the local ports of outgoing connections: a port that a test gives up for a moment, as when it
// restarts a server on the same one, must still be free afterwards. Each process begins its search elsewhere, so that two runs of the
// suite on one machine seldom want the same.
func FreePort(ctx context.Context, low, high int) (int, error) {
	for i := range high - low {
		port := low + (os.Getpid()+i)%(high-low)
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("no free port from %d to %d", low, high-1)
}
