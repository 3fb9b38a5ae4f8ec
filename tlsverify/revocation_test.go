package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

func crl(t *testing.T, ca *tlstest.CA, from, until time.Time, revoked ...*x509.Certificate) []byte {
	t.Helper()
	pem, err := ca.CRL(from, until, revoked...)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

// crlOf signs any kind of list.
func crlOf(t *testing.T, ca *tlstest.CA, list x509.RevocationList) []byte {
	t.Helper()
	pem, err := ca.SignCRL(&list)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

// delta makes a list one of changes to another (RFC 5280 §5.2.4).
var delta = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true,
	Value: []byte{2, 1, 1}}}

// someReasons are keyCompromise alone (RFC 5280 §4.2.1.13).
var someReasons = asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}

// partial makes a list one of some certificates.
func partial(t *testing.T, p distributionPoint) []pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return []pkix.Extension{{Id: oidDistributionPoint, Critical: true, Value: der}}
}

func TestRevocationLists(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{})
	stranger := tlstest.NewCA(t)
	imposter := tlstest.NewRoot(t, tlstest.Authority{Name: "Test Intermediate"})
	cert := sub.Leaf(good())
	past, now, future := time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	list := func(kind []pkix.Extension, entries ...x509.RevocationListEntry) x509.RevocationList {
		return x509.RevocationList{ThisUpdate: now, NextUpdate: future, ExtraExtensions: kind,
			RevokedCertificateEntries: entries}
	}

	entry := func(reason int) x509.RevocationListEntry {
		return x509.RevocationListEntry{SerialNumber: cert.Leaf.SerialNumber, RevocationTime: now,
			ReasonCode: reason}
	}

	cases := []struct {
		name    string
		list    []byte
		ok      bool
		revoked bool
	}{
		{"not on it", crl(t, sub, now, future), true, false},
		{"on it", crl(t, sub, now, future, cert.Leaf), false, true},
		{"on an old one", crl(t, sub, past, now, cert.Leaf), false, true},
		{"not on an old one", crl(t, sub, past, now), false, false},
		{"not yet valid", crl(t, sub, future, future.Add(time.Hour)), false, false},
		{"another issuer's", crl(t, stranger, now, future), false, false},
		{"same name, another key", crl(t, imposter, now, future), false, false},
		{"revoked by a stranger", append(crl(t, sub, now, future),
			crl(t, imposter, now, future, cert.Leaf)...), true, false},
		{"intermediate revoked", append(crl(t, sub, now, future), crl(t, root, now, future, sub.Cert)...),
			false, true},
		{"intermediate not revoked", append(crl(t, sub, now, future), crl(t, root, now, future)...), true,
			false},
		{"not on a delta", crlOf(t, sub, list(delta)), false, false},
		{"on a delta", crlOf(t, sub, list(delta, entry(0))), false, true},
		{"not on a delta beside a whole one", append(crl(t, sub, now, future), crlOf(t, sub, list(delta))...),
			true, false},
		{"taken off by a delta", append(crl(t, sub, now, future),
			crlOf(t, sub, list(delta, entry(removeFromCRL)))...), true, false},
		{"not on one for authorities", crlOf(t, sub, list(partial(t, distributionPoint{OnlyCAs: true}))),
			false, false},
		{"not on one for some reasons", crlOf(t, sub,
			list(partial(t, distributionPoint{OnlyReasons: someReasons}))), false, false},
		{"not on one for servers", crlOf(t, sub, list(partial(t, distributionPoint{OnlyUsers: true}))), true,
			false},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := tlstest.WriteFile(t, "crl.pem", c.list)
			v, err := meet(t, policy(t, Options{Host: host, CAFile: root.File(t), CRL: file}), cert)
			var re *RevokedError
			if (err == nil) != c.ok || err != nil && (!errors.As(err, &re) || re.When.IsZero() == c.revoked) {
				t.Fatalf("%T %v", err, err)
			}
			if c.ok && v.Revocation == "" {
				t.Error("verdict doesn't say that it was checked")
			}
			if err != nil {
				checkMessage(t, err)
			}
		})
	}
}

// A list for a part of an issuer's certificates counts for those (RFC 5280 §6.3.3), as Let's Encrypt's are
// made.
func TestPartialRevocationLists(t *testing.T) {
	t.Parallel()
	const here, elsewhere = "http://c.example/1.crl", "http://c.example/2.crl"
	leaf, ca := &x509.Certificate{CRLDistributionPoints: []string{here}},
		&x509.Certificate{IsCA: true, CRLDistributionPoints: []string{here}}
	at := func(uris ...string) asn1.RawValue {
		var names []byte
		for _, u := range uris {
			der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagURI,
				Bytes: []byte(u)})
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, der...)
		}
		full, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true,
			Bytes: names})
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: full}
	}

	tests := []struct {
		name  string
		point distributionPoint
		cert  *x509.Certificate
		want  bool
	}{
		{"for users, from here", distributionPoint{Point: at(here), OnlyUsers: true}, leaf, true},
		{"one of two places", distributionPoint{Point: at(elsewhere, here)}, leaf, true},
		{"from elsewhere", distributionPoint{Point: at(elsewhere), OnlyUsers: true}, leaf, false},
		{"for users", distributionPoint{OnlyUsers: true}, leaf, true},
		{"for users, of a CA", distributionPoint{OnlyUsers: true}, ca, false},
		{"for CAs", distributionPoint{OnlyCAs: true}, leaf, false},
		{"for CAs, of one", distributionPoint{OnlyCAs: true}, ca, true},
		{"for some reasons", distributionPoint{OnlyReasons: someReasons}, leaf, false},
		{"indirect", distributionPoint{Indirect: true}, leaf, false},
		{"for attributes", distributionPoint{OnlyAttrs: true}, leaf, false},
	}

	for _, tt := range tests {
		der, err := asn1.Marshal(tt.point)
		if err != nil {
			t.Fatal(err)
		}
		l := &x509.RevocationList{Extensions: []pkix.Extension{{Id: oidDistributionPoint, Critical: true,
			Value: der}}}
		if got := complete(l, tt.cert); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		l.Extensions = append(l.Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27},
			Critical: true})
		if complete(l, tt.cert) {
			t.Errorf("%s: a delta counted", tt.name)
		}
	}
	if isFor([]byte("junk"), leaf) {
		t.Error("junk counted")
	}
}

func TestRevocationListIsReadAgain(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(good())
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	dir := t.TempDir()
	write(t, dir+"/a.crl", crl(t, ca, from, until))
	write(t, dir+"/README", []byte("not a list"))
	p := policy(t, Options{Host: host, CAFile: ca.File(t), CRL: dir})
	if _, err := meet(t, p, cert); err != nil {
		t.Fatal(err)
	}

	write(t, dir+"/b.crl", crl(t, ca, from, until, cert.Leaf))
	if _, err := meet(t, p, cert); !as[*RevokedError](err) {
		t.Errorf("a new list in the directory was not seen: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := meet(t, p, cert); !as[*RevokedError](err) {
		t.Errorf("lists that are gone: %v", err)
	}
}

// TestDamagedRevocationLists: a list that can't be read may be the one with the server on it, so that others
// beside it prove nothing.
func TestDamagedRevocationLists(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	whole := crl(t, ca, from, until)
	block, _ := pem.Decode(whole)
	damaged := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes[:len(block.Bytes)/2]})

	for _, tt := range []struct {
		name  string
		files map[string][]byte
		ok    bool
	}{
		{"whole", map[string][]byte{"a.crl": whole, "b.crl": block.Bytes}, true},
		{"other files beside it", map[string][]byte{"a": whole, "README": []byte("x"), "ca.pem": ca.PEM()},
			true},
		{"cut off behind another", map[string][]byte{"a": slices.Concat(whole, whole[:len(whole)/2])}, false},
		{"damaged behind another", map[string][]byte{"a": slices.Concat(whole, damaged)}, false},
		{"cut off, another file", map[string][]byte{"a": whole, "b": whole[:len(whole)/2]}, false},
		{"damaged, another file", map[string][]byte{"a": whole, "b": damaged}, false},
		{"cut off in DER", map[string][]byte{"a": whole, "b.CRL": block.Bytes[:len(block.Bytes)/2]}, false},
		{"empty", map[string][]byte{"a": whole, "b.crl": nil}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, data := range tt.files {
				write(t, dir+"/"+name, data)
			}
			_, err := New(Options{Host: host, CAFile: ca.File(t), CRL: dir})
			if (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
}

func TestStaples(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{})
	must := good()
	must.MustStaple = true
	past := time.Now().Add(-2 * time.Hour)
	signer := sub.Leaf(tlstest.Leaf{CN: "responder", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	oldSigner := sub.Leaf(tlstest.Leaf{CN: "responder", NotAfter: past,
		Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	customer := sub.Leaf(good())
	delegate := func(c tls.Certificate) tlstest.Staple {
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := parseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return tlstest.Staple{Responder: c.Leaf, ResponderKey: signer}
	}

	old := tlstest.Staple{ThisUpdate: past, NextUpdate: past.Add(time.Hour)}
	future := tlstest.Staple{ThisUpdate: time.Now().Add(time.Hour), NextUpdate: time.Now().Add(2 * time.Hour)}
	ahead := tlstest.Staple{ThisUpdate: time.Now().Add(clockSkew / 2)}
	revoked := old
	revoked.Revoked = true
	critical := must
	critical.CriticalStaple = true
	garbage := sub.Leaf(good())
	garbage.OCSPStaple = []byte("garbage")
	cases := []struct {
		name   string
		cert   tls.Certificate
		ok     bool
		warned bool
	}{
		{"good", sub.StapledLeaf(must, tlstest.Staple{}), true, false},
		{"good, critical must-staple", sub.StapledLeaf(critical, tlstest.Staple{}), true, false},
		{"out of date, critical must-staple", sub.StapledLeaf(critical, old), false, false},
		{"none, critical must-staple", sub.Leaf(critical), false, false},
		{"good, by a delegate", sub.StapledLeaf(must, delegate(signer)), true, false},
		{"good, by a delegate out of date", sub.StapledLeaf(must, delegate(oldSigner)), false, false},
		{"from the future, must-staple", sub.StapledLeaf(must, future), false, false},
		{"from a clock a little ahead", sub.StapledLeaf(must, ahead), true, false},
		{"good, by a customer of the issuer", sub.StapledLeaf(must, delegate(customer)), false, false},
		{"good, by a customer, no must-staple", sub.StapledLeaf(good(), delegate(customer)), true, true},
		{"good, by another authority", stapledBy(t, sub, root, must), false, false},
		{"out of date, must-staple", sub.StapledLeaf(must, old), false, false},
		{"out of date", sub.StapledLeaf(good(), old), true, true},
		{"unknown, must-staple", sub.StapledLeaf(must, tlstest.Staple{Unknown: true}), false, false},
		{"unknown", sub.StapledLeaf(good(), tlstest.Staple{Unknown: true}), true, true},
		{"revoked", sub.StapledLeaf(good(), tlstest.Staple{Revoked: true}), false, false},
		{"revoked, out of date", sub.StapledLeaf(good(), revoked), false, false},
		{"garbage", garbage, true, true},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := meet(t, policy(t, Options{Host: host, CAFile: root.File(t)}), c.cert)
			if (err == nil) != c.ok || err != nil && !as[*RevokedError](err) {
				t.Fatalf("%T %v", err, err)
			}
			if len(v.Warnings()) > 0 != c.warned {
				t.Errorf("warnings %q", v.Warnings())
			}
		})
	}
}

func TestStapleWithoutEnd(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	must := good()
	must.MustStaple = true
	p := policy(t, Options{Host: host, CAFile: ca.File(t)})

	v, err := meet(t, p, ca.StapledLeaf(must, tlstest.Staple{Endless: true}))
	if err != nil || v.Revocation != "stapled OCSP: good" {
		t.Errorf("%+v, %v", v, err)
	}

	old := tlstest.Staple{Endless: true, ThisUpdate: time.Now().Add(-maxStapleAge - time.Hour)}
	if _, err := meet(t, p, ca.StapledLeaf(must, old)); !as[*RevokedError](err) {
		t.Errorf("an old response without an end: %v", err)
	}
}

func stapledBy(t *testing.T, issuer, other *tlstest.CA, l tlstest.Leaf) tls.Certificate {
	t.Helper()
	cert := issuer.Leaf(l)
	staple, err := other.OCSP(cert.Leaf, tlstest.Staple{})
	if err != nil {
		t.Fatal(err)
	}
	cert.OCSPStaple = staple
	return cert
}

// What is for a certificate that names no places names none itself, and is for CAs or users alone.
func FuzzDistributionPoint(f *testing.F) {
	for _, p := range []distributionPoint{{OnlyUsers: true}, {OnlyCAs: true, OnlyUsers: true},
		{Indirect: true}} {
		der, err := asn1.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}

	f.Add([]byte("\x30\x0a\xa0\x08\xa0\x06\x86\x04http"))
	f.Fuzz(func(t *testing.T, der []byte) {
		user, ca := isFor(der, &x509.Certificate{}), isFor(der, &x509.Certificate{IsCA: true})
		var p distributionPoint
		if _, err := asn1.Unmarshal(der, &p); (user || ca) &&
			(err != nil || len(p.Point.FullBytes) > 0 || user && p.OnlyCAs || ca && p.OnlyUsers) {
			t.Errorf("%x: %v %v, %+v, %v", der, user, ca, p, err)
		}
	})
}
