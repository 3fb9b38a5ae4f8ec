package tlsverify

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

var (
	oidAuthorityID       = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
)

const (
	removeFromCRL = 8 // RFC 5280 §5.3.1: only on a delta list
	tagURI        = 6 // of a GeneralName
)

// complete tells whether cert would be on l if it were revoked. A critical extension makes a list a delta, or
// one for some certificates (RFC 5280 §5.2), which proves nothing of others by its silence.
func complete(l *x509.RevocationList, cert *x509.Certificate) bool {
	for _, e := range l.Extensions {
		switch {
		case !e.Critical || e.Id.Equal(oidAuthorityID):
		case e.Id.Equal(oidDistributionPoint) && isFor(e.Value, cert):
		default:
			return false
		}
	}
	return true
}

// distributionPoint is an issuingDistributionPoint (RFC 5280 §5.2.5).
type distributionPoint struct {
	Point       asn1.RawValue  `asn1:"optional,tag:0"` // a DistributionPointName, a choice: tagged explicitly
	OnlyUsers   bool           `asn1:"optional,tag:1"`
	OnlyCAs     bool           `asn1:"optional,tag:2"`
	OnlyReasons asn1.BitString `asn1:"optional,tag:3"`
	Indirect    bool           `asn1:"optional,tag:4"`
	OnlyAttrs   bool           `asn1:"optional,tag:5"`
}

// isFor tells whether a list with this issuingDistributionPoint is for cert (RFC 5280 §6.3.3 b 2): for its
// kind, and where it names places, for one that cert names.
func isFor(point []byte, cert *x509.Certificate) bool {
	var p distributionPoint
	if rest, err := asn1.Unmarshal(point, &p); err != nil || len(rest) > 0 {
		return false
	}

	switch {
	// Not on such a list, a certificate may still be revoked on another.
	case p.Indirect, p.OnlyAttrs, p.OnlyReasons.BitLength > 0:
		return false
	case p.OnlyUsers && cert.IsCA, p.OnlyCAs && !cert.IsCA:
		return false
	case len(p.Point.FullBytes) == 0:
		return true // it names no places
	}
	return namesPlaceOf(cert, p.Point.Bytes)
}

// namesPlaceOf tells whether one of the full names of a DistributionPointName is a place where cert says that
// its lists are.
func namesPlaceOf(cert *x509.Certificate, point []byte) bool {
	var full asn1.RawValue
	rest, err := asn1.Unmarshal(point, &full)
	if err != nil || len(rest) > 0 || full.Class != asn1.ClassContextSpecific || full.Tag != 0 {
		return false // a name relative to the issuer's
	}

	for rest = full.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return false
		}
		uri := name.Class == asn1.ClassContextSpecific && name.Tag == tagURI
		if uri && slices.Contains(cert.CRLDistributionPoints, string(name.Bytes)) {
			return true
		}
	}

	return false
}
