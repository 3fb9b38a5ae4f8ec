// Issuer is an OpenID provider of other people's making, for a test: zitadel's, with strict rotation of
// refresh tokens. It is a module of its own so that fetchd depends on none of it.
//
// Its argument is the one user, whose password is "verysecure". The native client "mail" may use the device
// flow and the code flow with PKCE; "api", with the secret "secret", may ask about tokens. It prints its
// address, and ends with its standard input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(user string) error {
	users, err := userStore(user)
	if err != nil {
		return err
	}
	storage.RegisterClients(
		storage.NativeClient("mail", "http://127.0.0.1/"), storage.WebClient("api", "secret"),
	)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := fmt.Sprintf("http://localhost:%d/", listener.Addr().(*net.TCPAddr).Port)
	silent := slog.New(slog.DiscardHandler)
	handler := exampleop.SetupServer(address, &store{storage.NewStorage(users)}, silent, false)
	fmt.Println(address)

	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
	}()
	if err := http.Serve(listener, handler); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func userStore(name string) (storage.UserStore, error) {
	text, err := json.Marshal(map[string]any{name: map[string]any{
		"ID": name, "Username": name, "Password": "verysecure", "Email": name, "EmailVerified": true,
	}})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "issuer")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)

	path := filepath.Join(dir, "users.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	return storage.StoreFromFile(path)
}

// store is the example's storage, with what it leaves out for our clients.
type store struct{ *storage.Storage }

// GetClientByClientID lets "mail" use the device flow too.
func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err == nil && id == "mail" {
		return native{c}, nil
	}
	return c, err
}

type native struct{ op.Client }

func (n native) GrantTypes() []oidc.GrantType {
	return append(n.Client.GrantTypes(), oidc.GrantTypeDeviceCode)
}

// TokenRequestByRefreshToken says whose the refresh token is, which the example forgets in the device flow.
func (s *store) TokenRequestByRefreshToken(ctx context.Context, token string) (
	op.RefreshTokenRequest, error) {
	r, err := s.Storage.TokenRequestByRefreshToken(ctx, token)
	if known, ok := r.(*storage.RefreshTokenRequest); ok && known.ApplicationID == "" {
		known.ApplicationID = "mail"
	}
	return r, err
}

// SetIntrospectionFromToken lets "api" ask about tokens of "mail".
func (s *store) SetIntrospectionFromToken(ctx context.Context, r *oidc.IntrospectionResponse,
	tokenID, subject, _ string) error {
	return s.Storage.SetIntrospectionFromToken(ctx, r, tokenID, subject, "mail")
}
