package rcfile

// validate warns of what is wrong with an entry as a whole, defaults merged, whatever the command line says.
func (b *builder) validate(p *Poll) {
	for i := range p.Users {
		if u := &p.Users[i]; (len(u.Locals) > 1 || u.Wildcard) && p.Envelope.Or("") == "" {
			b.warnOnce("multidrop "+p.Name, u.Pos, "several local names without the envelope option",
				"name the header that holds the recipient: envelope X-Original-To")
		}
	}
}
