package rcfile

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// seeds adds the whole corpus.
func seeds(f *testing.F) {
	f.Helper()
	for _, dir := range []string{"good", "bad"} {
		for _, file := range corpus(f, dir) {
			if text := readFile(f, file); len(text) < 5000 {
				f.Add(text)
			}
		}
	}
}

// FuzzParse wants: no panic, errors inside the file and joined, and print∘parse stable in both grammars.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) { property(t, text, Fetchmailrc) })
}

// FuzzTOML wants the same of the TOML grammar.
func FuzzTOML(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) { property(t, text, TOML) })
}

func property(t *testing.T, text []byte, format Format) {
	c, err := Parse("f", text, format)
	if err != nil {
		checkPlaces(t, err, text)
		return
	}
	roundTrip(t, c)
}

// FuzzNetrc wants: no panic, no value that could add a command, errors inside the file.
func FuzzNetrc(f *testing.F) {
	for _, text := range []string{
		"machine a login b password c", "default login a password b\nmacdef x\ny\n\nmachine z",
		`machine "a b" login 'c' password "d\"e"`, "machine", "\xff\x00",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, _, err := parseNetrc("f", text)
		if err != nil {
			return
		}
		for _, m := range n.machines {
			if strings.ContainsAny(m.login+m.password.Reveal(), "\r\n\x00") {
				t.Errorf("line end in %q %q", m.login, m.password.Reveal())
			}
		}
	})
}

// manyPolls is a file as a provider's would be.
func manyPolls(n int) []byte {
	var b strings.Builder
	b.WriteString("set daemon 300\ndefaults proto imap timeout 60 ssl keep\n")
	for i := range n {
		fmt.Fprintf(&b, "poll mail%d.example.org port 993\n  user \"user%d\" there with password \"p%d\" "+
			"is local%d here\n  folder INBOX Work mda \"/usr/bin/procmail -d %%T\" fetchall\n", i, i, i, i)
	}
	return []byte(b.String())
}

func BenchmarkParse5000Polls(b *testing.B) {
	text := manyPolls(5000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("many", text, Auto); err != nil {
			b.Fatal(err)
		}
	}
}

// TestManyPollsAreCheap bounds time and memory. The limits are for the race detector on a busy machine; the
// benchmark shows the real figure.
func TestManyPollsAreCheap(t *testing.T) {
	text := manyPolls(5000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	c, err := Parse("many", text, Auto)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil || len(c.Polls) != 5000 {
		t.Fatal(err)
	}
	if total := after.TotalAlloc - before.TotalAlloc; total > 64<<20 {
		t.Errorf("%d MB allocated", total>>20)
	}
	if took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestManyPollsInTOMLAreCheap finds work that grows with the square of the file.
func TestManyPollsInTOMLAreCheap(t *testing.T) {
	text := printed(t, mustParse(t, "many", string(manyPolls(5000))), TOML)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := Parse("many.toml", text, Auto)
	runtime.ReadMemStats(&after)
	if err != nil || len(c.Polls) != 5000 {
		t.Fatal(err)
	}
	if total := after.TotalAlloc - before.TotalAlloc; total > 200<<20 {
		t.Errorf("%d MB allocated", total>>20)
	}
}

// TestLongListsAreCheap reads 3000 names and words of 20 kB.
func TestLongListsAreCheap(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("poll x proto imap envelope X-To user a is")
	for i := range 3000 {
		fmt.Fprintf(&b, " name%04d", i)
	}
	b.WriteString(" here mda '" + strings.Repeat("m", 20000) + "' properties " + strings.Repeat("p", 20000))
	c := mustParse(t, "long", b.String())
	u := c.Polls[0].Users[0]
	if len(u.Locals) != 3000 || len(u.MDA.Value) != 20000 ||
		len(u.Properties.Value) != 20000 || len(c.Warnings()) > 0 {
		t.Errorf("%d names, warnings %v", len(u.Locals), c.Warnings())
	}
	roundTrip(t, c)
}

// TestDeepNestingIsRefused would else overflow the stack, or take a megabyte for each of many keys.
func TestDeepNestingIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a = " + strings.Repeat("[", 1<<22),
		"a = " + strings.Repeat("{a = ", 1<<20),
		"a" + strings.Repeat(".a", 1<<13) + " = 1",
		"[a" + strings.Repeat(`."a"`, 1<<13) + "]",
	} {
		_, err := Parse("x", []byte(text), TOML)
		if err == nil || !strings.Contains(err.Error(), "nested too deep") {
			t.Errorf("%.50q: %v", text, err)
		}
	}
}

// TestErrorsAreBounded reads a megabyte of nonsense.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	_, err := Parse("x", []byte(strings.Repeat("poll x frob 'a'b\n", 60000)), Auto)
	if n := len(split(t, err)); n > maxErrors {
		t.Errorf("%d errors", n)
	}
}
