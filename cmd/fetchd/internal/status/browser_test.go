package status

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// browser is a Chromium with one tab, which is told what to do by its DevTools protocol, through pipes.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	last    int    // number of the last command
	session string // of the tab
	errors  []string
	loaded  bool
}

// browserTime is how long a browser may take for all that a test wants.
const browserTime = 2 * time.Minute

// startBrowser runs the Chromium that BROWSER names until the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	theirs, ours := pipe(t)
	mine, its := pipe(t)
	// Not t.TempDir: what the browser still writes while it ends is no failure.
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), browserTime)
	args := []string{"--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
		"--hide-scrollbars",
		"--disable-dev-shm-usage", // which is small in a container
		"--user-data-dir=" + profile, "about:blank"}
	if os.Getuid() == 0 { // its sandbox refuses to work for root
		args = append(args, "--no-sandbox")
	}
	cmd := exec.CommandContext(ctx, os.Getenv("BROWSER"), args...)
	cmd.ExtraFiles = []*os.File{theirs, its}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Else the end of the browser would not be seen.
	_, _ = theirs.Close(), its.Close()
	t.Cleanup(func() {
		defer cancel()
		_ = ours.Close() // which ends it
		_ = cmd.Wait()
		_ = os.RemoveAll(profile)
	})

	b := &browser{t: t, to: ours, from: bufio.NewReader(mine)}
	_ = mine.SetReadDeadline(time.Now().Add(browserTime))
	target := b.call("Target.createTarget", map[string]any{"url": "about:blank"})
	tab := b.call("Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})
	b.session, _ = tab["sessionId"].(string)
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil)
	}
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// message is what the browser says: the answer to a command, or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result map[string]any  `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// call does a command and returns its result.
func (b *browser) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.last++
	text, err := json.Marshal(map[string]any{
		"id": b.last, "method": method, "params": params, "sessionId": b.session,
	})
	if b.session == "" {
		text, err = json.Marshal(map[string]any{"id": b.last, "method": method, "params": params})
	}
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}

	for {
		m := b.read()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		return m.Result
	}
}

// read reads a message, and notes what the page does wrong.
func (b *browser) read() message {
	b.t.Helper()
	text, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser has ended: %v", err)
	}
	var m message
	if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled",
		"Log.entryAdded", "Page.javascriptDialogOpening":
		b.errors = append(b.errors, fmt.Sprintf("%s %.500s", m.Method, m.Params))
	}
	return m
}

// open goes to an address, and waits until the page is there.
func (b *browser) open(address string) {
	b.t.Helper()
	b.loaded = false
	b.call("Page.navigate", map[string]any{"url": address})
	b.awaitLoad()
}

func (b *browser) awaitLoad() {
	b.t.Helper()
	for !b.loaded {
		b.read()
	}
}

// eval is the value of an expression of JavaScript.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	result := b.call("Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	})
	if e := result["exceptionDetails"]; e != nil {
		b.t.Fatalf("%s: %v", expression, e)
	}
	value, _ := result["result"].(map[string]any)
	return value["value"]
}

// await waits until an expression is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`new Promise((done, fail) => {
		const late = Date.now() + 20000;
		const look = () => (%s) ? done() : Date.now() > late ? fail("never") : setTimeout(look, 10);
		look();
	})`, expression))
}

// expect checks the value of an expression.
func (b *browser) expect(expression string, want any) {
	b.t.Helper()
	if got := b.eval(expression); got != want {
		b.t.Errorf("%s is %v, want %v", expression, got, want)
	}
}

// expectNoErrors checks that the page did nothing wrong until now.
func (b *browser) expectNoErrors() {
	b.t.Helper()
	for _, e := range b.errors {
		b.t.Error(e)
	}
	b.errors = nil
}

// look sets the width of the window, in pixels, and the colours that the user likes.
func (b *browser) look(width int, colours string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500,
	})
	b.call("Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": colours}},
	})
}

// shoot writes a picture of the window into the directory that SHOTS names, if it does.
func (b *browser) shoot(name string) {
	b.t.Helper()
	picture, _ := b.call("Page.captureScreenshot", nil)["data"].(string)
	data, err := base64.StdEncoding.DecodeString(picture)
	if err != nil || len(data) < 1000 {
		b.t.Errorf("%s: %d bytes, %v", name, len(data), err)
	}
	if dir := os.Getenv("SHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
			b.t.Error(err)
		}
	}
}
