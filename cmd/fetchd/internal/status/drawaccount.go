package status

// draw is all that the page says of one account.
func (v *accountView) draw(m *markup) {
	m.add("<header class='card %s'>\n<h1>%s", moodOf(v.Trouble), v.Shown)
	v.drawMailboxes(m)
	m.add("</h1>\n<p class='%s'>%s</p>\n", v.stateClass(), v.State)
	if v.Reason != "" {
		m.add("<p>%s</p>\n", v.Reason)
	}
	m.add("</header>\n<section aria-label='Facts'><dl>\n")
	for _, f := range v.Facts {
		m.add("<dt>%s</dt><dd%s>%s</dd>\n", f.Name, when(f.Bad, " class='bad'"), f.Value)
	}
	m.add("</dl></section>\n")

	v.Chart.draw(m)
	v.drawCertificates(m)
	v.drawSetAside(m)
	v.drawPasses(m)
}

func (v *accountView) stateClass() trusted {
	switch {
	case v.Trouble:
		return "bad"
	case v.Waits:
		return "wait"
	}
	return "good"
}

func (v *accountView) drawCertificates(m *markup) {
	if len(v.Certificates) == 0 {
		return
	}
	heading := "Certificates of the server"
	if v.Refused {
		heading += ", which was refused"
	}

	m.add("<section aria-label='Certificates'><h2>%s</h2>\n", heading)
	m.add("<table><thead><tr><th>Subject</th><th>Ends</th><th>SHA-256 fingerprint</th></tr></thead><tbody>\n")
	for _, c := range v.Certificates {
		m.add("<tr><td>%s</td>", c.Subject)
		m.add("<td class='t%s' data-name='Ends'>%s</td>", when(c.Bad, " bad"), c.Ends)
		m.add("<td data-name='Fingerprint'><code>%s</code></td></tr>\n", c.Fingerprint)
	}
	m.add("</tbody></table></section>\n")
}

func (v *accountView) drawSetAside(m *markup) {
	if len(v.SetAsideList) == 0 {
		return
	}

	m.add("<section aria-label='Set aside'><h2>%s</h2>\n", v.SetAsideHeading)
	m.add("<table><thead><tr><th>Message</th><th>Folder</th><th>Last tried</th></tr></thead><tbody>\n")
	for _, w := range v.SetAsideList {
		m.add("<tr><td><code>%s</code></td><td data-name='Folder'>%s</td>", w.UID, w.Mailbox)
		m.add("<td class='t' data-name='Last tried'>%s</td></tr>\n", w.Last)
	}
	m.add("</tbody></table>\n<p class='soft'>They stay on the server.")
	m.add(" <code>%s</code> has them tried again.</p></section>\n", v.Retry)
}

func (v *accountView) drawPasses(m *markup) {
	if len(v.Passes) == 0 {
		return
	}

	m.add("<section aria-label='History'><h2>Retrievals that changed something or failed</h2>\n")
	m.add("<table><thead><tr><th>When</th><th>Outcome</th></tr></thead><tbody>\n")
	for _, p := range v.Passes {
		m.add("<tr><td class='t'>%s</td>", p.When)
		m.add("<td%s>%s</td></tr>\n", when(p.Failed, " class='bad'"), p.Outcome)
	}
	m.add("</tbody></table></section>\n")
}
