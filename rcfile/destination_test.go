package rcfile

import "testing"

// Paths in destinations are seen from the file, as those of the keywords that they begin with.
func TestDestinationPaths(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"maildir:x/y":     "maildir:/etc/x/y",
		"maildir:/x":      "maildir:/x",
		"mbox:m":          "mbox:/etc/m",
		"bsmtp:-":         "bsmtp:-",
		"bsmtp:b":         "bsmtp:/etc/b",
		"mda:cat x":       "mda:cat x",
		"smtp:localhost":  "smtp:localhost",
		"lmtp:run/lmtp":   "lmtp:run/lmtp",
		"maildri:x":       "maildri:x",
		"maildir:":        "maildir:",
		"x":               "x",
		"nokeep:x":        "nokeep:x",
		"poll:x":          "poll:x",
		"maildir:a:b c=d": "maildir:/etc/a:b c=d",
	} {
		c := mustParse(t, "/etc/rc", "set notify \""+value+"\" poll x deliver \""+value+
			"\" folderdeliver F \""+value+"\"\n")
		resolvePaths(c, func(*Opt[string]) bool { return false })
		u := c.Polls[0].Users[0]
		if u.Deliver[0].Value != want || u.FolderDeliver[0].Value != "F" || u.FolderDeliver[1].Value != want {
			t.Errorf("%s became %v, %v; want %q", value, u.Deliver, u.FolderDeliver, want)
		}
		if got := c.Globals.Notify.Value; got != want {
			t.Errorf("notify %s became %q; want %q", value, got, want)
		}
	}
}

// A destination that runs a command makes the file one that others may not read.
func TestDestinationsAreSensitive(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`poll x deliver "maildir:x" "mda:cat"`: true, `poll x folderdeliver F "mda:cat"`: true,
		`poll x deliver "maildir:x" "smtp:h"`: false, `set notify "mda:cat" poll x`: true,
		`set notify "maildir:x" poll x`: false,
	} {
		if got := mustParse(t, "rc", text+"\n").sensitive(); got != want {
			t.Errorf("%s: sensitive is %v", text, got)
		}
	}
}
