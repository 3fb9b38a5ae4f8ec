package sasl

import "github.com/emersion/go-sasl"

// external is EXTERNAL, RFC 4422 appendix A: the client certificate says who we are, the response who we
// want to be.
type external struct{ sasl.Client }

// NewExternal returns EXTERNAL; the password isn't used.
func NewExternal(c Credentials) Mechanism { return external{sasl.NewExternalClient(c.owner())} }

// Start sends an empty identity as an initial response too. It means: whoever the certificate names.
func (e external) Start() (string, []byte, error) {
	mech, ir, err := e.Client.Start()
	if ir == nil {
		ir = []byte{}
	}
	return mech, ir, err
}

func (external) ClearText() bool { return false }

func (external) Finish() error { return nil }
