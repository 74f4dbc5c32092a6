package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/holdfast-mcp/mcpclient"
)

// verdictLog keeps what the client said of each call with a nonce, on disk, until it is compared with what the servers say.
type verdictLog struct {
	file *os.File

	mu  sync.Mutex
	to  *bufio.Writer
	err error // the first
}

// A verdict is one record: a call, and what the client knows of its delivery.
type verdict struct {
	Session, Caller uint16
	Sequence        uint32
	Delivery        uint8
}

func newVerdictLog(file string) (*verdictLog, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the run's own folder
	if err != nil {
		return nil, err
	}
	return &verdictLog{file: f, to: bufio.NewWriter(f)}, nil
}

func (l *verdictLog) note(n nonce, d mcpclient.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := verdict{uint16(n.session), uint16(n.caller), uint32(n.sequence), uint8(d)} //nolint:gosec // parseNonce's bounds
	l.err = errors.Join(l.err, binary.Write(l.to, binary.LittleEndian, v))
}

func (l *verdictLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.to.Flush(), l.file.Close())
}

// settlement is what comes of holding the client's verdicts against the servers' own ledgers of executions.
type settlement struct {
	Verdicts, Executed int // calls with a nonce; of these, those that a server executed
	// What must not be: each a claim of the client that a ledger refutes.
	Twice                 int // executed more than once
	AnsweredNotExecuted   int
	UnsentButExecuted     int
	RefusedButExecuted    int
	ExecutedWithoutCaller int // a nonce that no caller has a verdict of
}

// contradictions is how many claims of the client are refuted.
func (s settlement) contradictions() int {
	return s.AnsweredNotExecuted + s.UnsentButExecuted + s.RefusedButExecuted + s.ExecutedWithoutCaller
}

// settle compares the log of verdicts with the ledgers, of which each line is one execution.
func settle(verdicts io.Reader, ledgers ...io.Reader) (settlement, error) {
	var s settlement
	executions := book{}
	for _, ledger := range ledgers {
		lines := bufio.NewScanner(ledger)
		for lines.Scan() {
			n, ok := parseNonce(strings.TrimSpace(lines.Text()))
			if !ok {
				s.ExecutedWithoutCaller++
				continue
			}
			if executions.count(n) == 2 {
				s.Twice++
			}
		}
		if err := lines.Err(); err != nil {
			return s, err
		}
	}
	for in := bufio.NewReader(verdicts); ; {
		var v verdict
		switch err := binary.Read(in, binary.LittleEndian, &v); {
		case errors.Is(err, io.EOF):
			s.ExecutedWithoutCaller += executions.rest()
			return s, nil
		case err != nil:
			return s, err
		}
		s = s.with(mcpclient.Delivery(v.Delivery), executions.at(nonce{int(v.Session), int(v.Caller), int(v.Sequence)}))
	}
}

// with is the settlement with one more verdict, held against the number of executions, which it strikes off.
func (s settlement) with(claim mcpclient.Delivery, executions *byte) settlement {
	s.Verdicts++
	if *executions > 0 {
		s.Executed++
	}
	switch {
	case claim == mcpclient.DeliveryAnswered && *executions == 0:
		s.AnsweredNotExecuted++
	case claim == mcpclient.DeliveryNotSent && *executions > 0:
		s.UnsentButExecuted++
	case claim == mcpclient.DeliveryRefused && *executions > 0:
		s.RefusedButExecuted++
	}
	*executions = 0
	return s
}

// rest counts the nonces whose byte is not zero.
func (b book) rest() (n int) {
	for _, bytes := range b {
		for _, seen := range bytes {
			if seen > 0 {
				n++
			}
		}
	}
	return n
}
