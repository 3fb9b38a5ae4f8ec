package login

import "fetchd/tlsverify/hints"

// Exhausted tells whether a refusal, of whatever command, is about all that the user asks for: the provider's
// quota is used up, or wants something of the user first. To ask for more does no good then.
func (r Reply) Exhausted() bool { return r.row(KindUnknown).forAll }

// Explain gives err, which says what the server answered after the login, the kind that the table of refusals
// knows, by default def, and the table's hint. That it refuses a login counts no more, unless it is for all.
func (r Reply) Explain(err error, def Kind) error {
	row := r.row(def)
	// The login was accepted, so such words mean something else now.
	if (row.kind == KindAuth || row.kind == KindTLS) && !row.forAll {
		return Fail(def, err)
	}
	return Fail(row.kind, hints.Add(err, row.hint))
}
