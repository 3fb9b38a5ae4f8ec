package rcfile

import "slices"

// builder collects what the files of a configuration say, in either grammar.
type builder struct {
	*reporter
	cfg         *Config
	format      Format // of the outermost file
	poll        Poll   // the entry being read
	defaults    Poll   // what entries inherit; one user
	hasDefaults bool   // this file has a defaults entry
	include     func(w word)
	empties     bool  // a TOML file said an empty list
	permission  error // an included file that isn't private
}

// setDefaults makes the entry that was read the defaults, on top of those of the including file.
func (b *builder) setDefaults() {
	d := b.poll
	if len(d.Users) == 0 {
		d.Users = []User{{}}
	}
	if len(b.defaults.Users) > 0 {
		// An included file's defaults add to those of the file that includes it.
		inheritAll(&d, &b.defaults)
	}
	if d.AKA != nil { // other names of one server can't be those of all
		b.warn(d.Pos, `"aka" in defaults is for no entry, as in fetchmail`, "write it in the entries")
		d.AKA = nil
	}

	d.Users = d.Users[:1]
	b.defaults = d
}

// add puts the entry that was read into the configuration, with the defaults.
func (b *builder) add() {
	p := b.poll
	if len(p.Users) == 0 {
		p.Users = []User{{Pos: p.Pos}}
	}
	if len(b.defaults.Users) > 0 {
		inheritAll(&p, &b.defaults)
	}
	// An empty list has beaten the defaults by now, and means nothing beyond that.
	if b.empties {
		tidy(&p)
	}

	b.cfg.Polls = append(b.cfg.Polls, p)
	b.entry = Pos{}
}

func (b *builder) includeFile(w word) {
	if b.include == nil {
		b.err(w.pos, `"include" needs a file to start from`, "give the file's name, not its text")
		return
	}
	b.include(w)
}

// inheritAll gives p and its users what d says and they don't.
func inheritAll(p, d *Poll) {
	inheritServer(p, d)
	for i := range p.Users {
		inheritUser(&p.Users[i], &d.Users[0])
	}
}

func inheritGlobals(g, d *Globals) {
	for i := range globalWords {
		inherit(globalWords[i].global(g), globalWords[i].global(d))
	}
}

func inheritServer(p, d *Poll) {
	for i := range serverWords {
		inherit(serverWords[i].server(p), serverWords[i].server(d))
	}
}

func inheritUser(u, d *User) {
	// Before anything is inherited: what the entry itself says decides about rivals.
	said := *u
	for i := range loginWords {
		// Local names are inherited all together or not at all, below.
		if k := &loginWords[i]; k.Kind != Names {
			inherit(k.user(u), k.user(d))
		}
	}
	if len(u.Locals) == 0 {
		u.Locals = slices.Clone(d.Locals)
		u.Wildcard = u.Wildcard || d.Wildcard
	}
	u.dropRivals(&said)
}

// dropRivals takes from u what it inherited of words that say in another way what was said: of the sources of
// the password and of the beginnings of TLS there is one, and a destination of fetchmail's excludes one of
// ours.
func (u *User) dropRivals(said *User) {
	if said.Password.Set || said.PasswordEval.Set || said.PasswordFile.Set || said.PasswordFD.Set {
		u.Password, u.PasswordEval = said.Password, said.PasswordEval
		u.PasswordFile, u.PasswordFD = said.PasswordFile, said.PasswordFD
	}
	if said.SSL.Set || said.SSLMode.Set {
		u.SSL, u.SSLMode = said.SSL, said.SSLMode
	}

	if said.AppendPassword.Set || said.AppendEval.Set || said.AppendFile.Set {
		u.AppendPassword, u.AppendEval, u.AppendFile = said.AppendPassword, said.AppendEval, said.AppendFile
	}

	own := said.Maildir.Set || said.Mbox.Set || said.Append.Set || len(said.Deliver) > 0
	if own {
		u.MDA, u.BSMTP, u.LMTP, u.SMTPHosts = said.MDA, said.BSMTP, said.LMTP, said.SMTPHosts
	}
	if own || said.MDA.Set || said.BSMTP.Set || said.LMTP.Value || len(said.SMTPHosts) > 0 {
		u.Maildir, u.Mbox, u.Append, u.Deliver = said.Maildir, said.Mbox, said.Append, said.Deliver
	}
}

// inherit sets what is unsaid in dst to what src says. A list that is there, even empty, is said.
func inherit(dst, src any) {
	switch d := dst.(type) {
	case *Opt[bool]:
		unsaid(d, src.(*Opt[bool]))
	case *Opt[int]:
		unsaid(d, src.(*Opt[int]))
	case *Opt[string]:
		unsaid(d, src.(*Opt[string]))
	case *Opt[Secret]:
		unsaid(d, src.(*Opt[Secret]))
	case *[]string:
		unsaidList(d, src.(*[]string))
	case *[]int:
		unsaidList(d, src.(*[]int))
	case *[]Opt[string]:
		unsaidList(d, src.(*[]Opt[string]))
	}
}

func unsaid[T any](dst, src *Opt[T]) {
	if !dst.Set {
		*dst = *src
	}
}

func unsaidList[T any](dst, src *[]T) {
	if *dst == nil {
		*dst = slices.Clone(*src)
	}
}

// tidy makes empty lists nil.
func tidy(p *Poll) {
	for i := range serverWords {
		orNil(serverWords[i].server(p))
	}
	for j := range p.Users {
		for i := range loginWords {
			orNil(loginWords[i].user(&p.Users[j]))
		}
	}
}

func orNil(slot any) {
	switch s := slot.(type) {
	case *[]string:
		*s = slices.Clip(*s)
		if len(*s) == 0 {
			*s = nil
		}
	case *[]int:
		if len(*s) == 0 {
			*s = nil
		}
	case *[]Opt[string]:
		if len(*s) == 0 {
			*s = nil
		}
	}
}

// Override lets what was said on the command line win over what the file says, in every poll and for every
// user: only what is set in it counts, and a list that isn't empty replaces the file's.
func (c *Config) Override(o *Said) {
	for i := range c.Polls {
		override(&c.Polls[i], o.Poll, o.User)
	}
	if len(c.defaults.Users) > 0 {
		override(&c.defaults, o.Poll, o.User)
	}

	globals := o.Globals
	inheritGlobals(&globals, &c.Globals)
	c.Globals = globals
}

func override(dst *Poll, p Poll, u User) {
	inheritServer(&p, dst)
	// The command line says nothing about which entry this is, nor who its users are.
	p.Pos, p.Name, p.Active, p.Users = dst.Pos, dst.Name, dst.Active, dst.Users
	*dst = p
	for i := range dst.Users {
		winner := u
		inheritUser(&winner, &dst.Users[i])
		winner.Pos = dst.Users[i].Pos
		dst.Users[i] = winner
	}
}

// AdHoc returns an entry for a server that was named on the command line and isn't in the file, with the
// file's defaults and one user. Apply Override to the Config after adding it to Polls.
func (c *Config) AdHoc(name string) Poll {
	p := Poll{Name: name, Active: true, Users: []User{{}}}
	if len(c.defaults.Users) > 0 {
		inheritAll(&p, &c.defaults)
	}
	tidy(&p)
	return p
}
