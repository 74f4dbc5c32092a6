package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// settledOf writes the verdicts of one caller's calls, in order, and holds them against ledgers.
func settledOf(t *testing.T, claims []mcpclient.Delivery, ledgers ...string) settlement {
	t.Helper()
	name := filepath.Join(t.TempDir(), "verdicts")
	l, err := newVerdictLog(name)
	require.NoError(t, err)
	for i, claim := range claims {
		l.note(nonce{2, 5, i}, claim)
	}
	require.NoError(t, l.close())
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var s settlement
	switch len(ledgers) {
	case 1:
		s, err = settle(file, strings.NewReader(ledgers[0]))
	case 2:
		s, err = settle(file, strings.NewReader(ledgers[0]), strings.NewReader(ledgers[1]))
	}
	require.NoError(t, err)
	return s
}

const (
	unknown  = mcpclient.DeliveryUnknown
	unsent   = mcpclient.DeliveryNotSent
	refused  = mcpclient.DeliveryRefused
	answered = mcpclient.DeliveryAnswered
)

func TestSettle(t *testing.T) {
	tests := []struct {
		name   string
		claims []mcpclient.Delivery
		ledger string
		want   settlement
	}{
		{"all in order", []mcpclient.Delivery{answered, unknown, unknown, unsent, refused}, "2-5-0\n2-5-2\n", settlement{Verdicts: 5, Executed: 2}},
		{"answered, not executed", []mcpclient.Delivery{answered}, "", settlement{Verdicts: 1, AnsweredNotExecuted: 1}},
		{"not sent, but executed", []mcpclient.Delivery{unsent}, "2-5-0\n", settlement{Verdicts: 1, Executed: 1, UnsentButExecuted: 1}},
		{"refused, but executed", []mcpclient.Delivery{refused}, "2-5-0\n", settlement{Verdicts: 1, Executed: 1, RefusedButExecuted: 1}},
		{"answered, executed twice", []mcpclient.Delivery{answered}, "2-5-0\n2-5-0\n", settlement{Verdicts: 1, Executed: 1, Twice: 1}},
		{"unknown, executed three times", []mcpclient.Delivery{unknown}, "2-5-0\n2-5-0\n2-5-0\n", settlement{Verdicts: 1, Executed: 1, Twice: 1}},
		{"executed for nobody", []mcpclient.Delivery{answered}, "2-5-0\n2-5-1\nnonsense\n", settlement{Verdicts: 1, Executed: 1, ExecutedWithoutCaller: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, settledOf(t, test.claims, test.ledger)) })
	}
}

func TestSettleAddsTheLedgersUp(t *testing.T) {
	got := settledOf(t, []mcpclient.Delivery{answered}, "2-5-0\n", "2-5-0\n")
	require.Equal(t, 1, got.Twice)
}

func TestContradictionsCountAllKinds(t *testing.T) {
	s := settlement{Twice: 100, AnsweredNotExecuted: 1, UnsentButExecuted: 2, RefusedButExecuted: 4, ExecutedWithoutCaller: 8}
	require.Equal(t, 15, s.contradictions())
}
