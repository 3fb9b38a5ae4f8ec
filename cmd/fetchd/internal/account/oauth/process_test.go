package oauth

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/account/oauth/oauthtest"
)

// askVariable makes this test's program a process that asks for a token, and names the issuer and the
// directory of the grants.
const askVariable = "FETCHD_TEST_OAUTH_ASK"

func TestMain(m *testing.M) {
	if what := os.Getenv(askVariable); what != "" {
		os.Exit(askAsProcess(what))
	}
	os.Exit(m.Run())
}

// askAsProcess prints the token that the grant has two hours from now.
func askAsProcess(what string) int {
	issuer, dir, _ := strings.Cut(what, " ")
	k := &Keeper{Dir: dir, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }}
	token, err := k.Token(context.Background(), processClient(issuer))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(token)
	return 0
}

func processClient(issuer string) Client {
	return Client{
		Account: "ann@mail", User: "ann", Provider: issuer, ID: oauthtest.ClientID, Flow: FlowBrowser,
		Scopes: []string{"mail", "offline_access"},
	}
}

// process is such a process.
func (r *rig) process() *exec.Cmd {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), askVariable+"="+r.Provider+" "+r.Dir)
	return cmd
}

// Processes that want a token at the same time make one request for it: a provider takes a refresh token
// once, and ends the grant when it comes again.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			text, err := r.process().Output()
			if token := strings.TrimSpace(string(text)); err != nil || !r.s.Good(token) {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
	wg.Wait()
	if n := len(r.s.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// A process that is killed while it waits for the answer leaves the grant as it was, and no lock. (Where the
// provider takes a refresh token only once, and has taken it, nobody can help.)
func TestKilledBetweenRequestAndWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.Keeps = true
	r.consents()
	before := r.mustRead()
	asked := make(chan struct{})
	gone := make(chan struct{})
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		close(asked)
		<-gone // the answer is given to nobody
		r.s.Token(w, req)
	})

	cmd := r.process()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	close(gone)

	if after := r.mustRead(); after.Refresh != before.Refresh || after.Access != before.Access {
		t.Error("the file has changed")
	}
	r.s.Answer(nil)
	r.pass(2 * time.Hour)
	r.token()
}

// A process that is killed at whatever moment leaves a grant that works, where the provider lets an old
// refresh token be used.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.Keeps = true
	r.s.Life = 1 // each request needs another token
	r.consents()
	for i := range 12 {
		cmd := r.process()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(i)*4*time.Millisecond, func() { _ = cmd.Process.Kill() })
		text, _ := bufio.NewReader(out).ReadString('\n')
		_ = cmd.Wait()
		timer.Stop()
		if strings.HasPrefix(text, "error:") {
			t.Error(text)
		}
		r.pass(time.Hour)
		r.token()
	}
}
