package tlsverify

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fetchd/tlsverify/hints"
)

// rootPlaces say where trusted roots are.
type rootPlaces struct {
	file, dir string // sslcertfile and sslcertpath; "" = none
	system    bool   // the system's beside them
}

// rootSet are the roots in some places.
type rootSet struct {
	anchors []*x509.Certificate // without the system's
	pool    *x509.CertPool      // with them, where they are asked for
}

// setRoots loads sslcertfile and sslcertpath. Without them, there is no reader, which stands for the system's
// store, shared by all policies.
func (p *Policy) setRoots() error {
	o := p.opt
	if o.NoCheck || o.CAFile == "" && o.CAPath == "" {
		return nil
	}
	p.rootFiles = o.Files.rootsOf(rootPlaces{o.CAFile, o.CAPath, o.IncludeSystem})
	_, err := p.rootFiles.current()
	return err
}

// roots are what the files name now, or named when they could be read last.
func (p *Policy) roots() *rootSet {
	if p.rootFiles == nil {
		return new(rootSet) // the nil pool is the system's
	}
	set, _ := p.rootFiles.current() // New has read them once
	return set
}

func loadRoots(places rootPlaces, check func(string) error) (*rootSet, error) {
	set := &rootSet{pool: x509.NewCertPool()}
	for _, place := range []struct {
		word, path, hint string
		read             func(string) ([]*x509.Certificate, error)
	}{
		{"sslcertfile", places.file, "give a PEM file with the certificates to trust", readCertificates},
		{"sslcertpath", places.dir, "give a directory of PEM files with the certificates to trust",
			func(dir string) ([]*x509.Certificate, error) { return readDirectory(dir, check) }},
	} {
		if place.path == "" {
			continue
		}
		err := check(place.path)
		var certs []*x509.Certificate
		if err == nil {
			certs, err = place.read(place.path)
		}
		if err != nil {
			return nil, loadError(place.word, place.path, err, place.hint)
		}
		set.anchors = append(set.anchors, certs...)
	}

	// A copy of the system's pool, to which the user's own are added.
	if places.system {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, hints.Errorf("install the ca-certificates package",
				"system's root certificates: %w", err)
		}
		set.pool = system
	}

	for _, c := range set.anchors {
		set.pool.AddCert(c)
	}

	return set, nil
}

// TrustedIn says where trusted roots are looked up: "sslcertfile /etc/mail/root.pem".
func (p *Policy) TrustedIn() string {
	var places []string
	if p.opt.CAFile != "" {
		places = append(places, "sslcertfile "+p.opt.CAFile)
	}
	if p.opt.CAPath != "" {
		places = append(places, "sslcertpath "+p.opt.CAPath)
	}
	if len(places) == 0 || p.opt.IncludeSystem {
		places = append(places, "the system's root certificates")
	}
	return strings.Join(places, " and ")
}

const maxCertFile = 16 << 20 // a bundle of all public roots has 0.3 MB

var errNoCertificate = errors.New("holds no certificate")

// readCertificates reads a PEM bundle or a single DER certificate; it fails if there is no certificate that
// can be read.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	if c, err := x509.ParseCertificate(data); err == nil {
		return []*x509.Certificate{c}, nil
	}

	var certs []*x509.Certificate
	problem := errNoCertificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		c, err := parseBlock(block.Type, block.Bytes)
		switch {
		case err != nil:
			problem = err // one odd certificate must not make a bundle of a hundred useless
		case c != nil:
			certs = append(certs, c)
		}
	}

	if len(certs) == 0 {
		return nil, problem
	}

	return certs, nil
}

// readDirectory reads each file of a directory that holds certificates. What can't be read as one is passed
// over, as long as there is one that can: such directories also hold keys, lists and read-me files. Each file
// that counts must pass check: links lead to other directories.
func readDirectory(dir string, check func(string) error) ([]*x509.Certificate, error) {
	files, err := regularFiles(dir)
	if err != nil {
		return nil, err
	}

	seen := map[string]bool{}
	var certs []*x509.Certificate
	for _, f := range files {
		unsafe := check(f) // before it is read: afterwards it may be another one
		more, err := readCertificates(f)
		if err != nil {
			continue
		}
		if unsafe != nil {
			return nil, unsafe
		}

		for _, c := range more {
			if !seen[string(c.Raw)] { // c_rehash links each file once more
				seen[string(c.Raw)] = true
				certs = append(certs, c)
			}
		}
	}

	if len(certs) == 0 {
		return nil, errNoCertificate
	}

	return certs, nil
}

func regularFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unwrapPath(err)
	}
	var files []string
	for _, e := range entries {
		f := filepath.Join(dir, e.Name())
		// Stat and not Lstat: c_rehash makes a directory of links.
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() {
			files = append(files, f)
		}
	}
	return files, nil
}

func readBounded(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, unwrapPath(err)
	}
	// A pipe or a device would let the start hang.
	if !st.Mode().IsRegular() {
		return nil, errors.New("is not a file")
	}
	if st.Size() > maxCertFile {
		return nil, fmt.Errorf("has %d bytes, more than %d", st.Size(), maxCertFile)
	}
	data, err := os.ReadFile(path)
	// With a byte order mark, which some editors write, the first line would not begin the first block.
	return bytes.TrimPrefix(data, []byte("\ufeff")), unwrapPath(err)
}

// unwrapPath drops the path that the message names already.
func unwrapPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}
