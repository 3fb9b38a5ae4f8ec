package exit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/wire"
)

func TestStatusOf(t *testing.T) {
	t.Parallel()
	failed := func(k fetch.Kind) error {
		return fmt.Errorf("ann: %w", &fetch.Error{Kind: k, Err: errors.New("x")})
	}
	network := func(err error) error { return &fetch.Error{Kind: fetch.KindNetwork, Err: err} }
	tests := []struct {
		name   string
		result fetch.Result
		err    error
		want   Status
	}{
		{"mail", fetch.Result{Delivered: 2}, nil, 0},
		{"no mail", fetch.Result{Messages: 5, Seen: 5}, nil, 1},
		{"only oversized", fetch.Result{Oversized: 1}, nil, 1},
		{"a delivery failed", fetch.Result{Delivered: 2, Failed: 1}, nil, 6},
		{"fetchlimit", fetch.Result{Delivered: 2, LimitHit: true}, nil, 13},
		{"network", fetch.Result{}, failed(fetch.KindNetwork), 2},
		{"refused", fetch.Result{}, network(&net.OpError{Op: "dial", Err: errors.New("refused")}), 2},
		{"dial timed out", fetch.Result{}, network(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), 2},
		{"name not found", fetch.Result{}, network(&net.OpError{Op: "dial", Err: &net.DNSError{}}), 11},
		{"silent server", fetch.Result{}, network(os.ErrDeadlineExceeded), 7},
		{"dripping server", fetch.Result{}, network(fmt.Errorf("fetch: %w", wire.ErrSlow)), 7},
		{"silent server by context", fetch.Result{}, network(context.DeadlineExceeded), 7},
		{"tls", fetch.Result{}, failed(fetch.KindTLS), 2},
		{"login", fetch.Result{}, failed(fetch.KindAuth), 3},
		{"login after some mail", fetch.Result{Delivered: 3}, failed(fetch.KindAuth), 3},
		{"protocol", fetch.Result{}, failed(fetch.KindProtocol), 4},
		{"configuration", fetch.Result{}, failed(fetch.KindConfig), 5},
		{"destination", fetch.Result{}, failed(fetch.KindDelivery), 6},
		{"mail server", fetch.Result{},
			&fetch.Error{Kind: fetch.KindDelivery, Err: &delivery.UnreachableError{
				Errs: []error{network(&net.OpError{Op: "dial", Err: errors.New("refused")})},
			}}, 10},
		{"journal", fetch.Result{}, failed(fetch.KindJournal), 6},
		{"server", fetch.Result{}, failed(fetch.KindServer), 7},
		{"busy", fetch.Result{}, failed(fetch.KindBusy), 9},
		{"internal error", fetch.Result{}, fmt.Errorf("x: %w", &fault.Error{}), 23},
		{"no kind", fetch.Result{}, errors.New("x"), 2},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Of(tt.result, tt.err); got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		statuses []Status
		want     Status
		strict   Status
	}{
		{"nothing", nil, 1, 1},
		{"mail", []Status{0}, 0, 0},
		{"mail from one", []Status{1, 0, 1}, 0, 0},
		{"none", []Status{1, 1}, 1, 1},
		{"any mail wins", []Status{3, 0, 2}, 0, 3},
		{"the last error", []Status{3, 2, 1}, 2, 3},
		{"an error beats no mail", []Status{1, 3}, 3, 3},
		{"fetchlimit", []Status{13, 1}, 13, 13},
		{"a failed delivery beats mail", []Status{0, 6, 0}, 6, 6},
		{"a login beats a delivery", []Status{0, 3, 6}, 6, 3},
		{"passing troubles", []Status{0, 9, 2, 7}, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var o Outcome
			for _, s := range tt.statuses {
				o.Add(s, s == IO)
			}
			if got := o.Status(); got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
			if got := o.Strict(); got != tt.strict {
				t.Errorf("strict status %d, want %d", got, tt.strict)
			}
		})
	}
}
