package tlsverify

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
)

// crlStore reads revocation lists and reads them again when a file changed.
type crlStore struct {
	path string

	mu    sync.Mutex // guards what follows
	stamp string     // names, sizes and times of the files that were read
	read  []*x509.RevocationList
}

var errNoList = errors.New("holds no revocation list")

func (s *crlStore) lists() ([]*x509.RevocationList, error) {
	const hint = "give a file, or a directory of files, with revocation lists in PEM or DER"
	s.mu.Lock()
	defer s.mu.Unlock()

	files, stamp, err := s.files()
	if err != nil {
		return nil, loadError("sslcrlfile", s.path, err, hint)
	}
	if stamp == s.stamp && s.read != nil {
		return s.read, nil
	}

	var all []*x509.RevocationList
	for _, f := range files {
		data, err := readBounded(f)
		if err != nil {
			return nil, loadError("sslcrlfile", f, err, hint)
		}
		lists, err := parseLists(data)
		if err != nil && len(files) == 1 { // a directory may hold other files too
			return nil, loadError("sslcrlfile", f, err, hint)
		}
		all = append(all, lists...)
	}
	if len(all) == 0 {
		return nil, loadError("sslcrlfile", s.path, errNoList, hint)
	}

	s.stamp, s.read = stamp, all
	return all, nil
}

func (s *crlStore) files() (files []string, stamp string, err error) {
	st, err := os.Stat(s.path)
	if err != nil {
		return nil, "", unwrapPath(err)
	}

	files = []string{s.path}
	if st.IsDir() {
		if files, err = regularFiles(s.path); err != nil {
			return nil, "", err
		}
	}

	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			stamp += fmt.Sprintf("%s %d %d\n", f, st.Size(), st.ModTime().UnixNano())
		}
	}
	return files, stamp, nil
}

// parseLists reads one list in DER, or any number in PEM.
func parseLists(data []byte) ([]*x509.RevocationList, error) {
	if l, err := x509.ParseRevocationList(data); err == nil {
		return []*x509.RevocationList{l}, nil
	}

	var lists []*x509.RevocationList
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return lists, err
		}
		lists = append(lists, l)
	}

	if len(lists) == 0 {
		return nil, errNoList
	}
	return lists, nil
}
