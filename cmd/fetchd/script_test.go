package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fetchd/cmd/internal/demo"
	"fetchd/delivery/deliverytest"
)

// showDemo is the demonstration, of the fetchd on the path.
func showDemo() { os.Exit(demo.Main(os.Args[1:], os.Stdout, os.Stderr)) }

// TestScripts tells the users' stories in testdata/script. Each has servers of its own: IMAPS on $IMAPS and
// POP3S on $POP3S for ann with the password "$PASS", their authority in root.pem, and a home directory in
// $HOME. SMTP on $SMTP and LMTP on the socket lmtp add what they get to smtp.got and lmtp.got. $CALLER runs
// it. The template rc.tmpl, expanded by the command "expand", becomes an rc file.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"expand": expand, "perm": checkPerm, "waitfile": waitFile, "status": exitStatus, "web": askWeb,
		},
	})
}

func setUpScript(env *testscript.Env) error {
	servers, err := demo.Start(scriptMail(env.WorkDir))
	if err != nil {
		return err
	}

	env.Defer(func() { _ = servers.Close() })
	release, err := holdPlace(env.WorkDir)
	if err != nil {
		return err
	}

	env.Defer(func() { _ = release() })
	smtp := &deliverytest.Sink{
		File: filepath.Join(env.WorkDir, "smtp.got"), Offer: []string{"PIPELINING", "8BITMIME", "SIZE"},
	}
	lmtp := &deliverytest.Sink{
		File: filepath.Join(env.WorkDir, "lmtp.got"), LMTP: true, Offer: []string{"PIPELINING"},
	}
	smtpAt, stop, err := smtp.Start("127.0.0.1:0")
	if err != nil {
		return err
	}

	env.Defer(stop)
	if _, stop, err = lmtp.Start(filepath.Join(env.WorkDir, "lmtp")); err != nil {
		return err
	}

	env.Defer(stop)
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}

	caller, err := user.Current()
	if err != nil {
		return err
	}

	for name, value := range map[string]string{
		"CALLER": caller.Username,
		"HOME":   home, "USER": "ann", "LOGNAME": "ann",
		"FETCHMAILHOME": "", "HOME_ETC": "", "XDG_STATE_HOME": "", "STATE_DIRECTORY": "",
		"IMAPS": strconv.Itoa(servers.IMAPPort),
		"POP3S": strconv.Itoa(servers.POP3Port), "PASS": servers.Password,
		"TMPDIR": env.WorkDir,
		"SMTP":   strconv.Itoa(smtpAt.(*net.TCPAddr).Port),
		"GORACE": "atexit_sleep_ms=10", // otherwise each run under the race detector takes a second more
	} {
		env.Setenv(name, value)
	}
	return os.WriteFile(filepath.Join(env.WorkDir, "root.pem"), servers.Root, 0o600)
}

// scriptMail is what the servers of the script have that runs in dir: five messages, or many for the one
// about floods.
func scriptMail(dir string) []demo.Message {
	messages := demo.Messages()[:5]
	for i := 0; strings.HasSuffix(dir, "adopt") && i < 60; i++ {
		text := fmt.Sprintf("Subject: number %d\r\n\r\nx\r\n", i)
		messages = append(messages, demo.Message{Name: fmt.Sprint("number-", i), Text: []byte(text)})
	}
	return messages
}

// expand FROM TO writes FROM with its variables replaced, readable by its owner alone.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: expand from to")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// perm MODE FILE checks the permissions of FILE.
func checkPerm(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); (got == args[0]) == neg {
		ts.Fatalf("%s has the mode %s", args[1], got)
	}
}

// web SOCKET PATH prints what is answered there by HTTP.
func askWeb(ts *testscript.TestScript, neg bool, args []string) {
	code, text, err := askSocket(ts.MkAbs(args[0]), args[1])
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), text)
	if (code == http.StatusOK) == neg {
		ts.Fatalf("%s: %d", args[1], code)
	}
}

// askSocket asks for a path by HTTP at a socket.
func askSocket(socket, path string) (code int, text string, err error) {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	res, err := client.Get("http://localhost" + path)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// waitfile FILE [PATTERN] waits until FILE has a line that matches, or exists.
func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	if len(args) == 1 {
		if !within(waitFileTimeout, func() bool { _, err := os.Lstat(path); return err == nil }) {
			ts.Fatalf("%s never exists", args[0])
		}
		return
	}

	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	if !within(waitFileTimeout, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && pattern.Match(text)
	}) {
		text, _ := os.ReadFile(path)
		ts.Fatalf("%s never says %s, but:\n%s", args[0], args[1], text)
	}
}

// status N COMMAND… runs the command, which must end with status N.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		code = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%v ended with status %d, not %s", args[1:], code, args[0])
	}
}
