package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// worldProcess is the soak's end of the pipes to the world. Its methods are safe for concurrent use.
type worldProcess struct {
	cmd *exec.Cmd

	mu     sync.Mutex
	orders io.WriteCloser
	told   *json.Decoder
}

// startWorld runs this program once more, as the world.
func startWorld(in folders, seed uint64) (*worldProcess, news, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, news{}, err
	}
	// The world ends with its input, not with a context: it has servers to stop.
	cmd := exec.CommandContext(context.Background(), program, "-world", "-module", in.module, "-cache", in.cache, "-run", in.run, //nolint:gosec // ourselves
		"-seed", strconv.FormatUint(seed, 10))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is the soak's
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, news{}, err
	}
	told, err := cmd.StdoutPipe()
	if err != nil {
		return nil, news{}, err
	}
	if err := cmd.Start(); err != nil {
		return nil, news{}, err
	}
	w := &worldProcess{cmd: cmd, orders: orders, told: json.NewDecoder(told)}
	first, err := w.hear()
	if err != nil {
		return nil, news{}, errors.Join(err, w.stop())
	}
	return w, first, nil
}

// ask gives an order and returns the news.
func (w *worldProcess) ask(o order) (news, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := json.NewEncoder(w.orders).Encode(o); err != nil {
		return news{}, fmt.Errorf("the world has ended: %w", err)
	}
	return w.hear()
}

func (w *worldProcess) hear() (news, error) {
	var n news
	if err := w.told.Decode(&n); err != nil {
		return n, fmt.Errorf("the world has ended: %w", err)
	}
	if n.Err != "" {
		return n, errors.New("the world is broken: " + n.Err)
	}
	return n, nil
}

// stop ends the process and waits for it.
func (w *worldProcess) stop() error {
	return errors.Join(w.orders.Close(), w.cmd.Wait())
}
