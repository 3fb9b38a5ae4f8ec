package tlsverify

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
)

var errNoList = errors.New("holds no revocation list")

// loadLists reads the revocation lists in a file, or in the files of a directory.
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
		if err != nil && len(files) == 1 { // a directory may hold other files too
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
			// One bad list is an error: without it a revoked certificate would pass.
			return lists, err
		}
		lists = append(lists, l)
	}

	if len(lists) == 0 {
		return nil, errNoList
	}

	return lists, nil
}
