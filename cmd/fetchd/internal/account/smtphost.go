package account

import (
	"fmt"
	"strings"

	"fetchd/delivery"
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// smtpHost is one word behind smtphost: a host with a port and suffixes, or a socket.
type smtpHost struct {
	delivery.SMTPServer
	proto string // TLS versions, as in sslproto
	plain bool   // the user says /notls
}

// Ports that the suffixes stand for in fetchmail 6.6.
const (
	submissionsPort = 465
	submissionPort  = 587
)

// parseSMTPHosts reads what the entry says of its servers, without asking anybody.
func parseSMTPHosts(poll *rcfile.Poll, u *rcfile.User) ([]smtpHost, error) {
	if len(u.SMTPHosts) == 0 {
		return nil, hints.Errorf("name a port or a socket: smtphost localhost/24", "lmtp without an smtphost")
	}

	var hosts []smtpHost
	for _, text := range u.SMTPHosts {
		h, err := parseSMTPHost(text, u.LMTP.Value)
		if err != nil {
			return nil, fmt.Errorf("smtphost %.200q: %w", text, err)
		}
		// A plugin gets host and port; a socket has neither.
		if h.Socket == "" {
			h.Plugin = poll.Plugout.Value
		}
		if _, err := wire.PluginCommand(h.Plugin, h.Host, h.Port); err != nil {
			return nil, &rcfile.Error{Pos: poll.Plugout.Pos, Msg: err.Error()}
		}
		hosts = append(hosts, h)
	}

	return hosts, nil
}

// parseSMTPHost reads HOST[/PORT][/tls|/starttls|/notls][/tlsproto=VERSION], or the path of an LMTP socket.
func parseSMTPHost(text string, lmtp bool) (smtpHost, error) {
	var h smtpHost
	// A path means LMTP, as in fetchmail.
	if strings.HasPrefix(text, "/") {
		h.Socket, h.LMTP, h.TLS = text, true, login.ClearText
		return h, nil
	}

	parts := strings.Split(text, "/")
	h.Host, h.LMTP = strings.Trim(parts[0], "[]"), lmtp
	if h.Host == "" {
		h.Host = "localhost" // as in fetchmail
	}

	mode := ""
	for _, part := range parts[1:] {
		if err := h.suffix(part, &mode); err != nil {
			return h, err
		}
	}

	if mode == "notls" && h.proto != "" {
		return h, hints.Errorf("remove one of them", "/notls and /tlsproto contradict each other")
	}
	h.begin(mode)
	return h, nil
}

// suffix reads what stands behind a slash.
func (h *smtpHost) suffix(part string, mode *string) error {
	word, value, _ := strings.Cut(part, "=")
	switch {
	case part == "tls" || part == "starttls" || part == "notls":
		if *mode != "" && *mode != part {
			return hints.Errorf("remove one of them", "/%s and /%s contradict each other", *mode, part)
		}
		*mode = part
		return nil
	// Its value is checked by tlsverify, as that of sslproto is.
	case word == "tlsproto":
		h.proto = value
		return nil
	case h.Port != 0:
		return hints.Errorf("write HOST/PORT", "%.100q is a second port", part)
	}

	port, err := ServicePort(part)
	if err != nil {
		return hints.Errorf("behind the host may stand a port, /tls, /starttls and /notls",
			"%.100q is neither a port nor a suffix", part)
	}

	h.Port = port
	return nil
}

// begin says when TLS begins, and where no port is named which one that means. Mail, and a password before
// it, is sent in clear text only on this machine, or where the file says so.
func (h *smtpHost) begin(mode string) {
	switch {
	case mode == "notls":
		h.TLS, h.plain = login.ClearText, true
	// Port 465 has TLS from the first byte (RFC 8314 section 3.3), so it needs no suffix.
	case mode == "tls" || mode == "" && h.Port == submissionsPort:
		h.TLS = login.Wrapped
	// A server of this machine seldom has a certificate that anybody would trust, and nobody else can listen
	// in. Whoever names a version of TLS wants TLS there too.
	case mode == "" && h.proto == "" && wire.IsLoopback(h.Host):
		h.TLS = login.ClearText
	default:
		h.TLS = login.StartTLS
	}

	// LMTP has no port of its own, and must not use that of SMTP (RFC 2033 section 5).
	if h.Port != 0 || h.LMTP {
		return
	}

	switch mode {
	case "tls":
		h.Port = submissionsPort
	case "starttls":
		h.Port = submissionPort
	default:
		h.Port = 25
	}
}
