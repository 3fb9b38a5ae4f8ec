package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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

// A destination that can't be used is tried once in a retrieval, and keeps nothing from the others: only when
// none is left that works is that the end.
func TestSeveralOutage(t *testing.T) {
	t.Parallel()
	down := &delivery.Error{Class: delivery.Unusable, Err: errors.New("nobody answers")}
	full := &delivery.Error{Class: delivery.Permanent, Err: errors.New("full")}
	large := fmt.Errorf("write: %w", unix.ENOSPC)
	for _, tt := range []struct {
		name   string
		refuse [3]error
		want   string // what each of two messages was given to
		ends   bool
		class  delivery.Class
	}{
		{"the first", [3]error{down, nil, nil}, "a b c, b c", false, delivery.Unusable},
		{"the last", [3]error{nil, nil, down}, "a b c, a b", false, delivery.Unusable},
		{"two", [3]error{down, nil, down}, "a b c, b", false, delivery.Unusable},
		{"the others refuse", [3]error{down, full, full}, "a b c, b c", false, delivery.Unusable},
		{"all", [3]error{down, down, down}, "a b c, ", true, delivery.Unusable},
		{"no room for a large one", [3]error{large, nil, nil}, "a b c, a b c", false, delivery.Temporary},
		{"none", [3]error{full, errors.New("later"), nil}, "a b c, a b c", false, delivery.Temporary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var told []string
			var all []delivery.Destination
			for i, name := range []string{"a", "b", "c"} {
				all = append(all, delivery.Destination{Key: name,
					Deliverer: &fakeDestination{name, &told, tt.refuse[i]}})
			}

			base := delivery.NewSeveral(all)
			for range 2 { // what one retrieval knows is nothing to the next
				d := delivery.ForRetrieval(base, new(delivery.Outages))
				var got []string
				for _, uid := range []string{"1", "2"} {
					told = nil
					err := d.Deliver(t.Context(), deliverytest.NewMessage(t, uid, []byte("x: y\n\n")))
					got = append(got, strings.ReplaceAll(strings.Join(told, " "), " ann", ""))
					if delivery.EndsRetrieval(err) != tt.ends ||
						delivery.OthersWork(err) != (!tt.ends && tt.name != "none") ||
						delivery.ClassOf(err) != tt.class {
						t.Errorf("message %s: ends %v, class %d: %v", uid, delivery.EndsRetrieval(err),
							delivery.ClassOf(err), err)
					}
				}
				if got := strings.Join(got, ", "); got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
			}
		})
	}
}
