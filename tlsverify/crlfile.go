package tlsverify

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

var (
	errNoList  = errors.New("holds no revocation list")
	errCutList = errors.New("holds a revocation list that is cut off or damaged")
)

// loadLists reads the revocation lists in a file, or in the files of a directory, which may hold other files
// too. A list that can't be read is an error: it may be the one that a certificate is on.
func loadLists(path string, check func(string) error) ([]*x509.RevocationList, error) {
	const hint = "give a file, or a directory of files, with revocation lists in PEM or DER"
	if err := check(path); err != nil {
		return nil, loadError("sslcrlfile", path, err, hint)
	}

	files := filesOf(path)
	var all []*x509.RevocationList
	for _, f := range files {
		unsafe := check(f) // before it is read: afterwards it may be another one
		data, err := readBounded(f)
		if err != nil {
			return nil, loadError("sslcrlfile", f, err, hint)
		}
		lists, err := parseLists(data)
		isOther := errors.Is(err, errNoList) && !strings.EqualFold(filepath.Ext(f), ".crl")
		if err != nil && (len(files) == 1 || !isOther) {
			return nil, loadError("sslcrlfile", f, err, hint)
		}
		if len(lists) > 0 && unsafe != nil {
			return nil, loadError("sslcrlfile", path, unsafe, hint)
		}
		all = append(all, lists...)
	}

	if len(all) == 0 {
		return nil, loadError("sslcrlfile", path, errNoList, hint)
	}

	return all, nil
}

// filesOf are the files in a directory, or path itself.
func filesOf(path string) []string {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return []string{path}
	}
	files, _ := regularFiles(path) // what can't be read now will be another time
	return files
}

// listType is what PEM calls a revocation list.
const listType = "X509 CRL"

// parseLists reads one list in DER, or any number in PEM.
func parseLists(data []byte) ([]*x509.RevocationList, error) {
	if l, err := x509.ParseRevocationList(data); err == nil {
		return []*x509.RevocationList{l}, nil
	}

	var lists []*x509.RevocationList
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != listType {
			continue
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return lists, err
		}
		lists = append(lists, l)
	}

	// The decoder passes over what has no end.
	switch begun := bytes.Count(data, []byte("-----BEGIN "+listType+"-----")); {
	case begun > len(lists):
		return lists, errCutList
	case begun == 0:
		return nil, errNoList
	}
	return lists, nil
}
