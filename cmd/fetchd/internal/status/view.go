package status

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch/schedule"
)

// view is what the page shows. All text in it that is not ours went through shown.
type view struct {
	Title, Heading, Origin, At string
	Troubled                   bool

	// Of the page with all accounts.
	Query  string
	States []choice
	Chart  chart
	Rows   []row
	More   string // what there is besides the rows

	// Of the page with one: itself, or its folders that have connections of their own.
	Accounts []accountView
}

// choice is a state to filter by.
type choice struct {
	Value, Word string
	Chosen      bool
}

// row is an account in the table.
type row struct {
	State          string
	Trouble, Waits bool
	Name, Shown    string // as in the link, and as it is read
	Mailboxes      string
	Success, Next  string
	Day, SetAside  string
	Ends           string
	EndsSoon       bool
	Reason         string
}

// expiryDays is how many days before its end a certificate is marked.
const expiryDays = 14

// shown is text from elsewhere for a person: what can't be seen, or turns the writing round, is escaped.
func shown(text string) string { return logging.Escape(logging.OneLine(text)) }

// inTrouble is the filter for all states that need a person.
const inTrouble = "trouble"

// overview is the page with the accounts that the words are in and that have the state; "" = any.
func (r *Report) overview(words, state string, hours []schedule.Hour) view {
	accounts, troubled := r.Troubled()
	v := r.frame()
	v.Query, v.States, v.Chart = words, r.choices(state), r.chart(hours)
	v.Troubled, v.Heading, v.Title = troubled > 0, headingOf(accounts, troubled), "fetchd: all is well"
	if v.Troubled {
		v.Title = fmt.Sprintf("%d in trouble – fetchd", troubled)
	}

	more := 0
	for _, a := range r.inOrder() {
		switch {
		case !a.matches(words, state):
		case len(v.Rows) == rowsMost:
			more++
		default:
			v.Rows = append(v.Rows, r.row(&a))
		}
	}
	if more > 0 {
		v.More = fmt.Sprintf("And %d more: search for them.", more)
	}
	return v
}

// frame is what all pages have.
func (r *Report) frame() view {
	return view{At: r.At.Local().Format("15:04:05"), Origin: upper(r.source())}
}

func headingOf(accounts, troubled int) string {
	switch {
	case accounts == 0:
		return "There are no accounts"
	case troubled == 0 && accounts == 1:
		return "The account is well"
	case troubled == 0:
		return fmt.Sprintf("All %d accounts are well", accounts)
	}
	return fmt.Sprintf("%d of %s in trouble", troubled, logging.Counted(int64(accounts), "account"))
}

// upper makes a sentence of words that begin with a letter of ours.
func upper(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// choices are the states that there are, and what means several of them.
func (r *Report) choices(chosen string) []choice {
	all := []choice{{"", "All states", chosen == ""}, {inTrouble, "In trouble", chosen == inTrouble}}
	var states []string
	for _, a := range r.Accounts {
		if !slices.Contains(states, a.State) {
			states = append(states, a.State)
		}
	}
	slices.Sort(states)
	for _, s := range states {
		all = append(all, choice{s, upper(s), chosen == s})
	}
	return all
}

// matches tells whether the account has the state, and each of the words somewhere.
func (a *Account) matches(words, state string) bool {
	if state != "" && state != a.State && (state != inTrouble || !a.Trouble) {
		return false
	}
	text := a.Name + " " + strings.Join(a.Mailboxes, " ")
	if a.Trouble && a.Failure != nil {
		text += " " + a.Failure.Text
	}
	text = strings.ToLower(text)
	for _, word := range strings.Fields(strings.ToLower(words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func (r *Report) row(a *Account) row {
	out := row{
		State: a.State, Trouble: a.Trouble, Waits: a.waits(), Name: a.Name, Shown: shown(a.Name),
		Mailboxes: shown(strings.Join(a.Mailboxes, " ")), Success: r.timeOr(a.Success, "none"),
		Next: r.timeOr(a.Next, ""), Reason: r.reason(a),
	}
	if a.DayMessages > 0 {
		out.Day = logging.Counted(a.DayMessages, "message")
	}
	if a.SetAside > 0 {
		out.SetAside = fmt.Sprint(a.SetAside)
	}
	if c := a.firstToEnd(); c != nil {
		out.Ends, out.EndsSoon = c.left(), c.DaysLeft < expiryDays
	}
	return out
}

// waits tells whether nothing is known of the account yet.
func (a *Account) waits() bool { return a.State == schedule.Unknown.String() }

// left says how long the certificate is good.
func (c *Certificate) left() string {
	if c.DaysLeft < 0 {
		return "ended"
	}
	return logging.Counted(int64(c.DaysLeft), "day")
}

// reason is why the account is in trouble, and since when; "" = it isn't.
func (r *Report) reason(a *Account) string {
	f := a.Failure
	if !a.Trouble || f == nil {
		return ""
	}
	return fmt.Sprintf("Since %s, %s: %s", r.time(f.Since),
		logging.Counted(int64(f.Count), "time"), shown(f.Text))
}

// accountView is one account, or a folder of it, on a page of its own.
type accountView struct {
	row
	Facts           []fact
	Chart           chart
	Refused         bool // the server was, by us
	Certificates    []certificateView
	SetAsideHeading string
	SetAsideList    []waitingView
	Retry           string // the command that has them tried again
	Passes          []passView
}

type fact struct {
	Name, Value string
	Bad         bool
}

type certificateView struct {
	Subject, Ends, Fingerprint string
	Bad                        bool
}

type waitingView struct{ UID, Mailbox, Last string }

type passView struct {
	When, Outcome string
	Failed        bool
}

// accountView is the page with the accounts of the report, which have the same name.
func (r *Report) accountView() view {
	v := r.frame()
	for i := range r.Accounts {
		a := &r.Accounts[i]
		v.Troubled = v.Troubled || a.Trouble
		v.Title = shown(a.Name) + " – fetchd"
		v.Accounts = append(v.Accounts, r.whole(a))
	}
	return v
}

func (r *Report) whole(a *Account) accountView {
	v := accountView{row: r.row(a), Facts: r.facts(a), Chart: r.chart(a.Hours), Refused: a.Refused}
	for _, c := range a.Certificates {
		v.Certificates = append(v.Certificates, certificateView{
			shown(c.Subject), c.NotAfter.Format("2006-01-02") + ", " + c.left(),
			strings.TrimPrefix(c.Fingerprint, "sha256:"), c.DaysLeft < expiryDays,
		})
	}
	if a.SetAside > 0 {
		v.SetAsideHeading = logging.Counted(int64(a.SetAside), "message") + " set aside"
		v.Retry = "fetchd retry " + shown(a.Name)
	}
	for _, w := range a.Waiting {
		v.SetAsideList = append(v.SetAsideList, waitingView{shown(w.UID), shown(w.Mailbox), r.time(w.Last)})
	}
	for _, p := range slices.Backward(a.Passes) {
		v.Passes = append(v.Passes, passView{r.span(p), shown(outcomeOf(p)), p.Failure != nil})
	}
	return v
}

func (r *Report) facts(a *Account) []fact {
	facts := []fact{
		{Name: "Last success", Value: r.timeOr(a.Success, "none")},
		{Name: "Next poll", Value: r.nextPoll(a)},
		{Name: "Last 24 hours", Value: a.day()},
		{Name: "Since the start",
			Value: fmt.Sprintf("%s, %d bytes", logging.Counted(a.Messages, "message"), a.Bytes)},
	}
	if a.Grant != nil {
		text := strings.TrimPrefix(r.grant(a), "grant: ")
		facts = append(facts, fact{"Grant", shown(upper(text)), a.Grant.NeedsLogin})
	}
	if f := a.Failure; f != nil && !a.Trouble {
		facts = append(facts, fact{Name: "Last failure", Value: r.time(f.Last) + ": " + shown(f.Text)})
	}
	return facts
}

// nextPoll says when the account is retrieved from next.
func (r *Report) nextPoll(a *Account) string {
	switch {
	case !a.Next.IsZero():
		return r.time(a.Next)
	case a.State == Disabled:
		return "none"
	case a.State == schedule.Watched.String():
		return "when the server tells of mail"
	}
	return "one runs"
}
