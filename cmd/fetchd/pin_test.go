package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

func TestShowPinSaysWhetherItHelps(t *testing.T) {
	t.Parallel()
	cert := tlstest.NewCA(t).Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}})

	for _, tt := range []struct {
		judgement error
		want      string
	}{
		{nil, "trusted without a pin"},
		{&tlsverify.ChainError{Reason: tlsverify.SelfSigned, Err: errors.New("x")},
			"WITHOUT A PIN THIS SERVER IS REFUSED"},
		{&tlsverify.WeakError{What: "RSA 1024 bits"}, "THIS SERVER IS REFUSED, WITH THE PIN TOO"},
		{&tlsverify.IdentityError{}, "no sslcertck"},
		{&tlsverify.IdentityError{Malformed: true}, "THIS SERVER IS REFUSED, WITH THE PIN TOO"},
		{&tlsverify.RevokedError{Why: "no list"}, "THIS SERVER IS REFUSED, WITH THE PIN TOO"},
	} {
		var out bytes.Buffer
		p := &program{stdout: &out}
		err := p.showPin(&tlsverify.Verdict{Presented: []*x509.Certificate{cert.Leaf}}, tt.judgement)
		if err != nil || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%v: %v\n%s", tt.judgement, err, out.String())
		}
	}
}
