package check

// Level is how bad an Item is.
type Level int

// The levels; the worst of a report is its exit status.
const (
	OK Level = iota
	Warn
	Fail
)

// String gives "ok", "warn" or "FAIL".
func (l Level) String() string { return [...]string{"ok", "warn", "FAIL"}[l] }

// MarshalText is String, for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// The checks, which are also the anchors of docs/server-checklist.md, in the order in which they are made.
const (
	Reach      = "reach"
	STARTTLS   = "starttls"
	Versions   = "versions"
	Names      = "names"
	Addresses  = "addresses"
	Chain      = "chain"
	Root       = "root"
	Strength   = "strength"
	Validity   = "validity"
	Revocation = "stapling"
	Pins       = "pins"
)

// Item is one line of a report. Peer text in it is escaped.
type Item struct {
	Check   string   `json:"check"`
	Level   Level    `json:"level"`
	Address string   `json:"address,omitempty"` // "" = all addresses
	Text    string   `json:"text"`
	Details []string `json:"details,omitempty"`
	Hint    string   `json:"hint,omitempty"` // the user's next step
}

func (it Item) line() string {
	if it.Address == "" {
		return it.Text
	}
	return it.Address + ": " + it.Text
}
