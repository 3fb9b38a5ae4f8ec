package foreign

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fetchd/rcfile"
)

// TestConversions compares what becomes of each file of testdata with the one beside it.
func TestConversions(t *testing.T) {
	t.Parallel()
	for _, program := range Names() {
		files, err := filepath.Glob("testdata/*." + program)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}

		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				var got strings.Builder
				found, err := parse(program, read(t, file))
				if err == nil {
					err = Print(&got, found, rcfile.Fetchmailrc)
				}
				if err != nil {
					got.WriteString("error: " + err.Error() + "\n")
				}
				if want := string(read(t, file+".rc")); got.String() != want {
					t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
				}
			})
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(program string, text []byte) (Configuration, error) {
	p, _ := Find(program)
	return p.Read(text, "/dir")
}

// FuzzFdm, FuzzMpop and FuzzGetmail: whatever the file says, what is printed is an rc file with as many
// accounts, in both grammars, and each says the same.
func FuzzFdm(f *testing.F)     { fuzz(f, "fdm") }
func FuzzMpop(f *testing.F)    { fuzz(f, "mpop") }
func FuzzGetmail(f *testing.F) { fuzz(f, "getmail") }

func fuzz(f *testing.F, program string) {
	files, err := filepath.Glob("testdata/*." + program)
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}

	for _, file := range files {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := parse(program, text)
		if err != nil {
			return
		}

		for _, format := range []rcfile.Format{rcfile.Fetchmailrc, rcfile.TOML} {
			var out bytes.Buffer
			if Print(&out, found, format) != nil {
				continue
			}

			cfg, err := rcfile.Parse("f", out.Bytes(), format)
			if err != nil || len(cfg.Polls) != len(found.Accounts) {
				t.Fatalf("%v: %v\n%s", format, err, out.Bytes())
			}

			want := &rcfile.Config{}
			for _, a := range found.Accounts {
				want.Polls = append(want.Polls, a.Poll)
			}

			if !rcfile.Equal(want, cfg) {
				t.Errorf("%v says something else:\n%s", format, out.Bytes())
			}
		}
	})
}

// TestRecords reads what the programs have retrieved.
func TestRecords(t *testing.T) {
	t.Parallel()
	const mpopFile = "# mpop\n 2 pop.example.org ann\na 1700000000\n#b\n 1 pop.example.org bob\nc\n" +
		" 1 other.example.org ann\nd\n"
	mpop := mpopRecord("~/uids/%U_at_%H", "ann", "pop.example.org")
	getmail, err := convertGetmail([]byte("[retriever]\ntype=SimplePOP3SSLRetriever\n"+
		"server=pop.example.org\nusername=an/:n\npassword=x\n"), "/dir")
	if err != nil {
		t.Fatal(err)
	}

	fdm, err := convertFdm([]byte(`account "work" pop3s server "pop.example.org" user "ann" pass "x" ` +
		`new-only cache "%h/uids-%a"`))
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name      string
		record    Record
		text      string
		want      string
		wantsFile string
	}{
		{"mpop", mpop, mpopFile, "ann@pop.example.org a\nann@pop.example.org #b\n",
			"~/uids/ann_at_pop.example.org"},
		{"mpop's place", mpopRecord("", "ann", "h"), "", "", "~/.mpop_uidls/ann_at_h"},
		{"fdm", fdm.Accounts[0].Seen, "2 ab\n4 c d\n5 long\n3 a b\nx\n1 e\n",
			"ann@pop.example.org ab\nann@pop.example.org e\n", "~/uids-work"},
		{"getmail", getmail.Seen, "a\x001700000000\nno time\n b c\x001\n\x001\n", "an/:n@pop.example.org a\n",
			"/dir/oldmail-pop.example.org-995-an-n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			n, err := tt.record.Write(&got, []byte(tt.text))
			if err != nil || got.String() != tt.want || n != strings.Count(tt.want, "\n") {
				t.Errorf("%d, %v, %q; want %q", n, err, got.String(), tt.want)
			}
			if tt.record.File != tt.wantsFile {
				t.Errorf("the record is %q, want %q", tt.record.File, tt.wantsFile)
			}
		})
	}
}
