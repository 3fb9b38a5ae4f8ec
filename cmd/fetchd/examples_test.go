package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/rcfile"
)

// document is a text for users, with its examples.
type document struct {
	name     string
	examples []string // blocks of literal lines
}

// documents are README, the guides and the manual.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*.[15]"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}

		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			d := document{name: filepath.Base(path)}
			if filepath.Ext(path) == ".md" {
				d.examples = markdownExamples(string(text))
			} else {
				d.examples = mandocExamples(string(text))
			}
			all = append(all, d)
		}
	}

	return all
}

// markdownExamples are the blocks between fences and those that are indented.
func markdownExamples(text string) (blocks []string) {
	for i, part := range strings.Split(text, "\n```") {
		if i%2 == 1 {
			_, code, _ := strings.Cut(part, "\n") // without the language
			blocks = append(blocks, code+"\n")
			continue
		}
		for block := range strings.SplitSeq(part, "\n\n") {
			if block = strings.Trim(block, "\n"); strings.HasPrefix(block, "    ") {
				blocks = append(blocks, strings.ReplaceAll("\n"+block, "\n    ", "\n")+"\n")
			}
		}
	}
	return blocks
}

// mandocExamples are the displays, of a line or more.
func mandocExamples(text string) (blocks []string) {
	var open *strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, ".Bd -literal"):
			open = new(strings.Builder)
		case strings.HasPrefix(line, ".Ed") && open != nil:
			blocks, open = append(blocks, open.String()), nil
		case open != nil:
			open.WriteString(plainText(line))
		case strings.HasPrefix(line, ".Dl "):
			blocks = append(blocks, plainText(strings.TrimPrefix(line, ".Dl ")))
		}
	}
	return blocks
}

// plainText is a line of the manual without its escapes.
func plainText(line string) string {
	characters := strings.NewReplacer(`\&`, "", `\(dq`, `"`, `\(aq`, "'", `\(ti`, "~", `\-`, "-", `\e`, `\`)
	return characters.Replace(line)
}

var beginsRC = regexp.MustCompile(`(?m)^\s*(poll|set|defaults|skip) |^\[\[poll\]\]`)

// The rc files among the examples are complete, and name nothing that is left out or does not fit together.
func TestExamplesOfRCFiles(t *testing.T) {
	t.Parallel()
	found := map[string]int{}
	for _, d := range documents(t) {
		for _, text := range d.examples {
			text, ok := rcOf(text)
			if !ok {
				continue
			}
			found[d.name]++
			path := filepath.Join(t.TempDir(), "rc")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}

			cfg, err := rcfile.Loader{}.Load(path)
			if err != nil {
				t.Errorf("%s: %v:\n%s", d.name, err, text)
				continue
			}

			for _, warning := range cfg.Warnings() {
				t.Errorf("%s: %v:\n%s", d.name, warning, text)
			}

			for _, poll := range cfg.Polls {
				for i := range poll.Users {
					u := &poll.Users[i]
					for _, mistake := range account.OAuthMistakes(&poll, u) {
						t.Errorf("%s: %v:\n%s", d.name, mistake, text)
					}
					if d.name == "oauth.md" && (!u.OAuth.Set || !u.SSL.Value) {
						t.Errorf("%s: no oauth or no ssl:\n%s", d.name, text)
					}
				}
			}
		}
	}

	wanted := map[string]int{"README.md": 2, "fetchmailrc.5": 10, "oauth.md": 6, "secrets.md": 1}
	for name, least := range wanted {
		if found[name] < least {
			t.Errorf("%s: %d examples found", name, found[name])
		}
	}
}

// rcOf is the rc file that an example is. One that shows a few words for a user gets what they need.
func rcOf(text string) (string, bool) {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	isOption := slices.ContainsFunc(rcfile.Keywords(), func(k rcfile.Keyword) bool { return k.Name == word })
	switch {
	case beginsRC.MatchString(text):
		return text, true
	case isOption:
		return "poll mail.example.org protocol imap user ann maildir mail " + text, true
	}
	return "", false
}

var (
	// At the beginning of a command: fetchd is also a user, a unit and a directory.
	callsFetchd = regexp.MustCompile(`(?m)(?:^ *|&& |"|/bin/|=\S+ )fetchd( [^|;&<>#\n)"]+)`)
	quoted      = regexp.MustCompile(`'[^']*'`)
)

// The commands among the examples are ones that the program takes.
func TestExamplesOfCommands(t *testing.T) {
	t.Parallel()
	found := 0
	for _, d := range documents(t) {
		for _, text := range d.examples {
			for _, m := range callsFetchd.FindAllStringSubmatch(text, -1) {
				args := strings.Fields(quoted.ReplaceAllString(m[1], "words"))
				if _, err := cli.Parse(args, subcommands()); err != nil {
					t.Errorf("%s: %v: %q", d.name, err, m[0])
				}
				found++
			}
		}
	}
	if found < 30 {
		t.Errorf("%d commands found", found)
	}
}
