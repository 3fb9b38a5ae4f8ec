package rcfile

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func printed(t testing.TB, c *Config, format Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Fprint(&b, c, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// roundTrip wants that c, printed and read again, is the same, and that printing is stable.
func roundTrip(t testing.TB, c *Config) {
	t.Helper()
	for _, format := range []Format{Fetchmailrc, TOML} {
		text := printed(t, c, format)
		again, err := Parse("printed", text, format)
		if err != nil {
			t.Fatalf("%v:\n%s\n%v", format, text, err)
		}
		if !Equal(c, again) {
			t.Fatalf("%v: another configuration:\n%s", format, text)
		}
		if second := printed(t, again, format); !bytes.Equal(text, second) {
			t.Fatalf("%v: printing is not stable:\n%s\n%s", format, text, second)
		}
		if format == TOML && len(c.Polls) > 0 && detect("", text) != TOML {
			t.Fatalf("not detected as TOML:\n%s", text)
		}
	}
}

func TestPrintedCorpusReadsTheSame(t *testing.T) {
	t.Parallel()
	for _, file := range corpus(t, "good") {
		c, err := Parse(file, readFile(t, file), Auto)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c)
	}
}

func TestTOMLTwins(t *testing.T) {
	t.Parallel()
	twins := 0
	for _, file := range corpus(t, "good") {
		other, isTOML := strings.CutSuffix(file, ".toml")
		if text, err := os.ReadFile(other + ".rc"); isTOML && err == nil {
			twins++
			if !Equal(mustParse(t, file, string(readFile(t, file))),
				mustParse(t, other+".rc", string(text))) {
				t.Errorf("%s and its .rc twin differ", file)
			}
		}
	}
	if twins < 8 {
		t.Errorf("only %d twins", twins)
	}
}

// TestEveryKeywordIsInTheCorpus looks for each word in the good files.
func TestEveryKeywordIsInTheCorpus(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, file := range corpus(t, "good") {
		all.Write(readFile(t, file))
		all.WriteByte(' ')
	}

	words := strings.FieldsFunc(all.String(), func(r rune) bool {
		return strings.ContainsRune(" \t\r\n,;:=[]{}", r)
	})
	text := " " + strings.Join(words, " ") + " "
	for _, k := range Keywords() {
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			switch name {
			case "include":
			default:
				if !strings.Contains(text, " "+name+" ") {
					t.Errorf("%s is in no good file", name)
				}
			}
		}

		for _, v := range k.Values {
			if v.Verdict != Refused && v.Name != "" && !strings.Contains(text, " "+v.Name+" ") &&
				!strings.Contains(all.String(), `"`+v.Name+`"`) && k.Name != "sslmode" &&
				!strings.HasSuffix(k.Name, "sslproto") {
				t.Errorf("%s %s is in no good file", k.Name, v.Name)
			}
		}
	}
}

// TestEveryFieldHasAKeyword fails when a field of the model can't be said, printed, dumped or inherited.
func TestEveryFieldHasAKeyword(t *testing.T) {
	t.Parallel()
	var c Config
	p := Poll{Users: []User{{}}}
	reached := map[any]string{}
	for _, k := range keywords {
		if k.global == nil && k.server == nil && k.user == nil {
			continue
		}
		reached[entry{&c.Globals, &p, &p.Users[0]}.slot(&k)] = k.Name
	}
	for _, model := range []any{&c.Globals, &p, &p.Users[0]} {
		v := reflect.ValueOf(model).Elem()
		for _, field := range reflect.VisibleFields(v.Type()) {
			switch name := field.Name; name {
			case "Pos", "Name", "Active", "Users", "Wildcard":
			case "Secrets": // its fields are among those of the user
			default:
				if _, ok := reached[v.FieldByIndex(field.Index).Addr().Interface()]; !ok {
					t.Errorf("%s.%s has no keyword", v.Type().Name(), name)
				}
			}
		}
	}
}

func TestDumpHidesSecrets(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "x", `poll x proto imap esmtppassword tok1 user a pass tok2 sslkeypass tok3
		poll y proto imap esmtppasswordeval "echo tok4" user b passwordeval "echo tok5"
			appendpasswordeval "echo tok6" append "imaps://b:tok7@h/x" oauthproxy "http://b:tok/8@h"
			deliver "append:imaps://b:tok9@h/x"`)

	var b bytes.Buffer
	if err := Dump(&b, c, DumpOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "tok") {
		t.Errorf("a secret is shown:\n%s", &b)
	}

	for _, word := range []string{"tok1", "tok2", "tok3"} {
		if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, word) {
			t.Errorf("%s is shown:\n%s", word, text)
		}
	}
	if !strings.Contains(b.String(), `"password": "***"`) ||
		!strings.Contains(b.String(), `"append": "imaps://***@h/x"`) {
		t.Errorf("no stars:\n%s", b.String())
	}
}

// TestMessagesHideSecrets looks for pieces of a password in what is said about it.
func TestMessagesHideSecrets(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"poll x user a pass tok;tik",
		"poll x user a pass tok=tik",
		"poll x user a pass tok tik",
		"poll x user a pass \"tok\ntik\"",
		"poll x user a pass \"tok\"tik",
		"poll x user a pass # c\ntok keep frob",
		"poll x user a pass \"tok\\0tik\"",
		"poll x user a pass tok keep esmtppassword tik",
		"poll x user a sslkeypass tok tik",
		"[[poll]]\nname='x'\npassword=[\"tok\"]",
		"[[poll]]\nname='x'\npassword = tok",
		"[[poll]]\nname='x'\n'pass' = true tik",
		"[[poll]]\nname='x'\npassword = \"t\\qik tok\"",
		"[[poll]]\nname='x'\npassword = \"tok\ntik\"",
		"[[poll]]\nname='x'\npassword=\"tok\\ntik\"",
		"[[poll]]\nname='x'\nuser={user='u', password=truetok}",
		"poll = [{name='x', password=\"tok\\u00z\"}]",
		"defaults.password = falsetok",
		"[[poll]]\nname='x'\npassword = \"\"\"\ntok\\u00z\"\"\"",
		"[[poll]]\nname='x'\npassword =\"\"\"a\ntik\"\"\" tok",
		"[[poll]]\nname='x'\nuser=[{password='a', esmtppassword=\"tok\\xz\"}]",
		"[[poll]]\nname='x'\n\"pass\" = 1.2.tik",
	} {
		c, err := Parse("rc", []byte(text), Auto)
		said := fmt.Sprint(err)
		if c != nil {
			for _, w := range c.Warnings() {
				said += w.Error()
			}
		}

		if strings.Contains(said, "tok") || strings.Contains(said, "tik") {
			t.Errorf("%q: %s", text, said)
		}
	}
}
