package rcfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Nothing but Reveal shows a secret, alone or within something else.
func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	const text = "s3cret"
	secret := NewSecret(text)
	user := struct {
		Name     string
		Password Secret
		Pointer  *Secret
		Value    Opt[Secret]
	}{"ann", secret, &secret, Opt[Secret]{Value: secret, Set: true}}

	shown := map[string]string{
		"String": secret.String(), "GoString": secret.GoString(), "LogValue": secret.LogValue().String(),
		"Sprint": fmt.Sprint(secret), "Errorf": fmt.Errorf("x %w", fmt.Errorf("%v", secret)).Error(),
	}
	marshalled, err := secret.MarshalText()
	if err != nil {
		t.Error(err)
	}
	shown["MarshalText"] = string(marshalled)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.2s"} {
		shown[verb] = fmt.Sprintf(verb, secret)
	}
	for what, got := range shown {
		if strings.Contains(got, text) || !strings.Contains(got, "***") {
			t.Errorf("%s shows %q", what, got)
		}
	}

	for _, verb := range []string{"%v", "%+v", "%#v"} {
		shown["struct "+verb] = fmt.Sprintf(verb, user)
	}
	inJSON, err := json.Marshal(user)
	if err != nil {
		t.Error(err)
	}
	shown["JSON"] = string(inJSON)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "pointer", &secret, "user", user)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret, "pointer", &secret, "user", user)
	shown["slog"] = log.String()
	for what, got := range shown {
		for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
			if strings.Contains(got, form) {
				t.Errorf("%s shows %q", what, got)
			}
		}
	}

	if secret.Reveal() != text || secret.IsZero() || !NewSecret("").IsZero() {
		t.Error("Reveal and IsZero don't tell what it is")
	}
}
