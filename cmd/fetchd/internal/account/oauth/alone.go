package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/web"
	"fetchd/delivery/ownfile"
	"fetchd/fetch"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// requestAlone asks for a token for which nobody has to consent.
func (k *Keeper) requestAlone(ctx context.Context, c Client) (*oauth2.Token, error) {
	p, err := k.discover(ctx, c)
	if err != nil {
		return nil, err
	}

	conf := &clientcredentials.Config{
		ClientID: c.ID, TokenURL: p.Token, Scopes: c.Scopes, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{},
	}
	switch {
	case c.Flow == FlowApp:
		conf.ClientSecret, err = c.secret(ctx)
	case c.Provider == Google:
		err = c.assertAccount(conf, k.now())
	default:
		err = c.assertClient(conf, k.now())
	}
	if err != nil {
		return nil, fetch.Fail(fetch.KindConfig, err)
	}

	return conf.Token(k.with(ctx, c))
}

// assertionLife is how long the statement is good that a request holds.
const assertionLife = 10 * time.Minute

// assertAccount states, signed by Google's service account, that it wants a token for the user (RFC 7523
// section 2.1).
func (c Client) assertAccount(conf *clientcredentials.Config, now time.Time) error {
	text, err := readKeyFile(c.KeyFile)
	if err != nil {
		return err
	}
	var account struct {
		Email string `json:"client_email"`
		KeyID string `json:"private_key_id"`
		Key   string `json:"private_key"`
	}
	if json.Unmarshal(text, &account) != nil || account.Email == "" {
		return fmt.Errorf("oauthkey %s is no key file of a service account", c.KeyFile)
	}
	key, _, err := parseKey([]byte(account.Key))
	if err != nil {
		return fmt.Errorf("oauthkey %s: %w", c.KeyFile, err)
	}

	statement, err := sign(key, map[string]any{"alg": "RS256", "typ": "JWT", "kid": account.KeyID},
		map[string]any{
			"iss": account.Email, "sub": c.User, "scope": strings.Join(c.Scopes, " "), "aud": conf.TokenURL,
			"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
		})
	conf.ClientID, conf.Scopes = "", nil
	conf.EndpointParams.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
	conf.EndpointParams.Set("assertion", statement)
	return err
}

// assertClient states who the client is, signed by the key of its certificate (RFC 7523 section 2.2).
func (c Client) assertClient(conf *clientcredentials.Config, now time.Time) error {
	text, err := readKeyFile(c.KeyFile)
	if err != nil {
		return err
	}
	key, cert, err := parseKey(text)
	if err == nil && cert == nil {
		err = errors.New("there is no certificate in it")
	}
	if err != nil {
		return fmt.Errorf("oauthkey %s: %w", c.KeyFile, err)
	}

	sum := sha256.Sum256(cert.Raw)
	statement, err := sign(key, map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": encode(sum[:])},
		map[string]any{
			"iss": c.ID, "sub": c.ID, "aud": conf.TokenURL, "jti": rand.Text(),
			"nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
		})
	conf.EndpointParams.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	conf.EndpointParams.Set("client_assertion", statement)
	return err
}

// readKeyFile reads a file with a private key, which nobody else may have written.
func readKeyFile(path string) ([]byte, error) {
	f, err := ownfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("oauthkey: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, web.MaxAnswer))
	if err != nil {
		return nil, fmt.Errorf("oauthkey: %w", err)
	}
	return text, nil
}

// parseKey finds an RSA key, and a certificate if there is one, in PEM.
func parseKey(text []byte) (key *rsa.PrivateKey, cert *x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		switch {
		// The first one is the client's own; those behind it are of authorities.
		case block.Type == "CERTIFICATE" && cert == nil:
			cert, err = x509.ParseCertificate(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "PRIVATE KEY":
			var any any
			any, err = x509.ParsePKCS8PrivateKey(block.Bytes)
			key, _ = any.(*rsa.PrivateKey)
		}
		if err != nil {
			// Without the library's error, which may quote a part of the key.
			return nil, nil, fmt.Errorf("%s can't be read", strings.ToLower(block.Type))
		}
	}

	if key == nil {
		return nil, nil, errors.New("there is no RSA key without a pass phrase in it")
	}
	return key, cert, nil
}

// sign makes a JSON Web Token (RFC 7519) by the algorithm that its header names.
func sign(key *rsa.PrivateKey, header, claims map[string]any) (string, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}

	text := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	// Microsoft asks for PS256, Google for RS256.
	if header["alg"] == "PS256" {
		signature, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:],
			&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	}
	return text + "." + encode(signature), err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
