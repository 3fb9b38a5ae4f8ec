package main

import (
	"path/filepath"
	"testing"

	"fetchd/delivery/deliverytest"
)

// TestWrite: what the raw writer does counts as a delivery of everything, so that it is compared with the
// same work.
func TestWrite(t *testing.T) {
	t.Parallel()
	c := newCorpus(small, "m", 300)
	for _, kind := range []string{toSMTP, toLMTP, toMbox} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			to := target{kind: kind, address: filepath.Join(dir, "mbox"), user: "ann@localhost"}
			out := output{mboxed, to.address}
			sink := &deliverytest.Sink{LMTP: kind == toLMTP, Offer: []string{"PIPELINING"}}
			if kind != toMbox {
				address := map[string]string{toSMTP: "127.0.0.1:0", toLMTP: filepath.Join(dir, "lmtp")}[kind]
				to.address = sink.Listen(t, address).String()
				out = output{files, filepath.Join(dir, "got")}
			}

			messages := make(chan []byte, len(c.messages))
			for _, m := range c.messages {
				messages <- m
			}
			close(messages)
			if err := to.write(messages); err != nil {
				t.Fatal(err)
			}
			if kind != toMbox {
				if err := writeEach(out.path, sink.Data()); err != nil {
					t.Fatal(err)
				}
			}

			got, err := c.check([]output{out}, nil, 1)
			if want := (tally{want: 300, whole: 300}); err != nil || got != want {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		})
	}
}
