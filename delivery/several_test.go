package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

// Two Maildirs keep the contract together, as a group does; each has all that the other has.
func TestSeveralContract(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, "two maildirs", func(t *testing.T) deliverytest.Target {
		dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
		return deliverytest.Target{
			Deliverer: delivery.NewSeveral([]delivery.Destination{
				{Key: "a", Deliverer: maildirAt(dirs[0])}, {Key: "b", Deliverer: maildirAt(dirs[1])},
			}),
			Delivered: func(t *testing.T) [][]byte {
				first, second := filesIn(t, filepath.Join(dirs[0], "new")), filesIn(t,
					filepath.Join(dirs[1], "new"))
				if len(first) != len(second) {
					t.Errorf("%d messages here and %d there", len(first), len(second))
				}
				return second
			},
			OneCopy: true,
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Unusable: func(t *testing.T) func() {
					first, second := replaceByFile(t, dirs[0]), replaceByFile(t, dirs[1])
					return func() { first(); second() }
				},
			},
		}
	})
}

// fakeDestination takes what it does not refuse.
type fakeDestination struct {
	name   string
	told   *[]string
	refuse error
}

func (d *fakeDestination) String() string { return d.name }

func (d *fakeDestination) Deliver(_ context.Context, m *delivery.Message) error {
	if err := m.Hold(); err != nil {
		return err
	}
	*d.told = append(*d.told, fmt.Sprintf("%s %s", d.name, strings.Join(m.Recipients, "+")))
	return d.refuse
}

// Who has a message is noted before it goes on, and what is noted is not delivered again.
func TestSeveral(t *testing.T) {
	t.Parallel()
	full := &delivery.Error{Class: delivery.Permanent, Err: errors.New("full")}
	half := &delivery.PartialError{Delivered: []string{"ann"}, Err: errors.New("bob is full")}
	broken := errors.New("journal is broken")
	for _, tt := range []struct {
		name    string
		refuse  map[string]error // by destination
		had     []string
		note    error
		want    string // what happened
		partial []string
		err     string
	}{
		{"all", nil, nil, nil, "a ann+bob; note a/ann a/bob; b ann+bob; note b/ann b/bob; c ann+bob", nil,
			""},
		{"the first refuses", map[string]error{"a": full}, nil, nil,
			"a ann+bob; b ann+bob; note b/ann b/bob; c ann+bob",
			[]string{"b/ann", "b/bob", "c/ann", "c/bob"}, "full"},
		{"the last refuses", map[string]error{"c": full}, nil, nil,
			"a ann+bob; note a/ann a/bob; b ann+bob; note b/ann b/bob; c ann+bob",
			[]string{"a/ann", "a/bob", "b/ann", "b/bob"}, "full"},
		{"one has half of it", map[string]error{"b": half}, nil, nil,
			"a ann+bob; note a/ann a/bob; b ann+bob; note b/ann; c ann+bob",
			[]string{"a/ann", "a/bob", "b/ann", "c/ann", "c/bob"}, "bob is full"},
		{"all refuse", map[string]error{"a": full, "b": full, "c": full}, nil, nil,
			"a ann+bob; b ann+bob; c ann+bob", nil, "full\nfull\nfull"},
		{"some were done", nil, []string{"a/ann", "a/bob", "b/ann"}, nil, "b bob; note b/bob; c ann+bob", nil,
			""},
		{"all were done", nil, []string{"a/ann", "a/bob", "b/ann", "b/bob", "c/ann", "c/bob"}, nil, "", nil,
			""},
		{"another destination had it", nil, []string{"d/ann"}, nil,
			"a ann+bob; note a/ann a/bob; b ann+bob; note b/ann b/bob; c ann+bob", nil, ""},
		{"it can't be noted", nil, nil, broken, "a ann+bob; note a/ann a/bob", []string{"a/ann", "a/bob"},
			"journal is broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var told []string
			var all []delivery.Destination
			for _, name := range []string{"a", "b", "c"} {
				all = append(all, delivery.Destination{Key: name,
					Deliverer: &fakeDestination{name, &told, tt.refuse[name]}})
			}
			m := deliverytest.NewMessage(t, "1", []byte("x: y\n\n"))
			m.Recipients = []string{"ann", "bob"}
			for _, had := range tt.had {
				m.Had = append(m.Had, strings.ReplaceAll(had, "/", "\x00"))
			}
			m.Note = func(delivered []string) error {
				told = append(told, "note "+readable(delivered))
				return tt.note
			}
			d := delivery.NewSeveral(all)
			err := d.Deliver(t.Context(), m)
			if got := strings.Join(told, "; "); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			partial, ok := errors.AsType[*delivery.PartialError](err)
			if ok != (tt.partial != nil) || ok && readable(partial.Delivered) != strings.Join(tt.partial,
				" ") {
				t.Errorf("partial: %+v, want %q", partial, tt.partial)
			}
			if _, isGroup := d.(delivery.GroupDeliverer); isGroup || !delivery.IsSeveral(d) ||
				d.String() != "a and b and c" {
				t.Errorf("it is %T, %s", d, d)
			}
		})
	}
}

func readable(signed []string) string {
	return strings.ReplaceAll(strings.Join(signed, " "), "\x00", "/")
}

// A lease that ends between two destinations keeps the second from getting anything.
func TestSeveralIsHeld(t *testing.T) {
	t.Parallel()
	var told []string
	d := delivery.NewSeveral([]delivery.Destination{
		{Key: "a", Deliverer: &fakeDestination{"a", &told, nil}},
		{Key: "b", Deliverer: &fakeDestination{"b", &told, nil}},
	})
	m := deliverytest.NewMessage(t, "1", []byte("x: y\n\n"))
	ended := errors.New("somebody else's")
	m.Lease = func() error {
		if len(told) > 0 {
			return ended
		}
		return nil
	}
	if err := d.Deliver(t.Context(), m); !errors.Is(err, ended) || !slices.Equal(told, []string{"a ann"}) {
		t.Errorf("%v after %q", err, told)
	}
}
