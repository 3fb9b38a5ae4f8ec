package status

import "net/url"

// The page's icon is a disk: green when all is well, red when an account is in trouble.
const (
	iconBegin trusted = "data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 " +
		"viewBox=%270 0 8 8%27%3E%3Ccircle cx=%274%27 cy=%274%27 r=%273.5%27 fill=%27%23"
	iconEnd trusted = "%27/%3E%3C/svg%3E"
	green   trusted = "2e8b57"
	red     trusted = "c8322b"
)

// draw is the whole page. Its script finds the parts that it renews by their ids.
func (v *view) draw() string {
	var m markup
	v.drawHead(&m)
	m.add("<body>\n<main>\n")
	m.add("<p id='lost' hidden>The daemon does not answer. This is what it said last.</p>\n")
	if v.Accounts == nil {
		v.drawSearch(&m)
	}

	m.add("<div id='live'>\n")
	if v.Accounts == nil {
		v.drawOverview(&m)
	} else {
		m.add("<p class='back'><a href='/'>← All accounts</a></p>\n")
	}
	for i := range v.Accounts {
		v.Accounts[i].draw(&m)
	}
	m.add("<p class='soft'>As of %s.</p>\n</div>\n</main>\n", v.At)

	m.add("<script>%s</script>\n</body>\n</html>\n", trusted(pageScript))
	return m.text.String()
}

func (v *view) drawHead(m *markup) {
	color := green
	if v.Troubled {
		color = red
	}

	m.add("<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n")
	m.add("<meta name='viewport' content='width=device-width, initial-scale=1'>\n")
	m.add("<title>%s</title>\n", v.Title)
	m.add("<link rel='icon' href='%s%s%s'>\n", iconBegin, color, iconEnd)
	m.add("<noscript><meta http-equiv='refresh' content='30'></noscript>\n")
	m.add("<style>%s</style>\n</head>\n", trusted(pageStyle))
}

func (v *view) drawSearch(m *markup) {
	m.add("<form method='get' action='/' role='search'>\n")
	m.add("<input type='search' name='q' value='%s' placeholder='Search accounts and errors'", v.Query)
	m.add(" aria-label='Search' maxlength='200'>\n<select name='state' aria-label='State'>\n")
	for _, s := range v.States {
		m.add("<option value='%s'%s>%s</option>\n", s.Value, when(s.Chosen, " selected"), s.Word)
	}
	m.add("</select>\n<noscript><button>Show</button></noscript>\n</form>\n")
}

func (v *view) drawOverview(m *markup) {
	m.add("<header class='card %s'>\n", moodOf(v.Troubled))
	m.add("<h1>%s</h1>\n<p class='soft'>%s</p>\n</header>\n", v.Heading, v.Origin)
	v.Chart.draw(m)

	m.add("<section aria-label='Accounts'>\n")
	if len(v.Rows) == 0 {
		m.add("<p class='soft'>No account is like that.</p>\n")
	} else {
		drawRows(m, v.Rows)
	}
	if v.More != "" {
		m.add("<p class='soft'>%s</p>\n", v.More)
	}
	m.add("</section>\n")
}

// moodOf is the class of what is well or in trouble.
func moodOf(troubled bool) trusted {
	if troubled {
		return "trouble"
	}
	return "well"
}

func drawRows(m *markup, rows []row) {
	m.add("<table>\n<thead><tr><th>State</th><th>Account</th><th>Last success</th><th>Next poll</th>")
	m.add("<th class='n'>24 hours</th><th class='n'>Set aside</th><th class='n'>Certificate</th></tr>")
	m.add("</thead>\n<tbody>\n")
	for i := range rows {
		rows[i].draw(m)
	}
	m.add("</tbody>\n</table>\n")
}

// draw is the account's row, and a second one with the reason for its trouble. On a narrow screen each cell
// stands on a line of its own, after its data-name.
func (r *row) draw(m *markup) {
	m.add("<tr><td class='state%s%s'>%s</td>", when(r.Trouble, " bad"), when(r.Waits, " wait"), r.State)
	m.add("<td><a href='/account?name=%s'>%s</a>", url.QueryEscape(r.Name), r.Shown)
	r.drawMailboxes(m)
	m.add("</td><td class='t' data-name='Last success'>%s</td>", r.Success)
	m.add("<td class='t' data-name='Next poll'>%s</td>", r.Next)
	m.add("<td class='n' data-name='24 hours'>%s</td>", r.Day)
	m.add("<td class='n' data-name='Set aside'>%s</td>", r.SetAside)
	m.add("<td class='n%s' data-name='Certificate'>%s</td></tr>\n", when(r.EndsSoon, " bad"), r.Ends)
	if r.Reason != "" {
		m.add("<tr class='why'><td colspan='7'><span>%s</span></td></tr>\n", r.Reason)
	}
}

func (r *row) drawMailboxes(m *markup) {
	if r.Mailboxes != "" {
		m.add(" <span class='soft'>%s</span>", r.Mailboxes)
	}
}
