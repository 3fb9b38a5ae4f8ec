package status

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// rowsShown is how many accounts the page shows.
const rowsShown = `document.querySelectorAll("td.state").length`

// TestPageInChromium uses the page as people do: with its script and without, and in all its looks. BROWSER
// is a Chromium, which .ci/steps has.
func TestPageInChromium(t *testing.T) {
	t.Parallel()
	if os.Getenv("BROWSER") == "" {
		t.Skip("no BROWSER: make ci has one")
	}
	report := new(atomic.Pointer[Report])
	before := crowd(time.Now())
	report.Store(&before)
	address, stop := servePage(t, report)
	b := startBrowser(t)

	b.open(address)
	b.expect(`document.querySelector("h1").textContent`, "3 of 200 accounts in trouble")
	b.expect(`document.title`, "3 in trouble – fetchd")
	b.expect(rowsShown, 200.0)
	b.expect(`getComputedStyle(document.querySelector("main")).maxWidth`, "1152px") // its style counts
	b.expect(`document.querySelectorAll("svg rect.mail").length > 10`, true)
	b.expect(`document.querySelector("noscript button")`, nil)

	searchByScript(b)
	followLink(b)
	b.expectNoErrors()

	// Trouble that passes is gone without anybody doing anything.
	b.open(address)
	after := before
	after.Accounts = nil
	for _, a := range before.Accounts {
		if !a.Trouble {
			after.Accounts = append(after.Accounts, a)
		}
	}
	report.Store(&after)
	b.eval(`refresh()`)
	b.expect(`document.querySelector("h1").textContent`, "All 197 accounts are well")
	b.expect(`document.title`, "fetchd: all is well")
	b.expectNoErrors()
	report.Store(&before)

	hostileWords(b, address)
	withoutScript(b, address)
	looks(b, address)
	b.expectNoErrors()

	// Whoever leaves the page open learns that the daemon has ended.
	b.expect(`document.getElementById("lost").hidden`, true)
	stop()
	b.eval(`refresh()`)
	b.expect(`document.getElementById("lost").hidden`, false)
}

// servePage serves the page of the report until stop is called.
func servePage(t *testing.T, report *atomic.Pointer[Report]) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pageOf(t, *report.Load()).ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: patience,
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	stop = func() {
		_ = server.Close()
		<-served
	}
	t.Cleanup(stop)
	return fmt.Sprintf("http://%s/", l.Addr()), stop
}

// searchByScript searches and filters as the user types, and leaves an address that shows the same.
func searchByScript(b *browser) {
	b.t.Helper()
	b.eval(`document.querySelector("input").focus()`)
	b.call("Input.insertText", map[string]any{"text": "invalid"})
	b.await(rowsShown + " === 1")
	b.expect(`location.search`, "?q=invalid&state=")
	b.expect(`document.activeElement.name`, "q")
	b.eval(`document.querySelector("input").value = ""`)
	b.eval(`{ const s = document.querySelector("select"); s.value = "trouble";
		s.dispatchEvent(new Event("input", {bubbles: true})); }`)
	b.await(rowsShown + " === 3")
	b.loaded = false
	b.call("Page.reload", nil)
	b.awaitLoad()
	b.expect(rowsShown, 3.0)
	b.expect(`document.querySelector("select").value`, "trouble")
}

// followLink goes to one account.
func followLink(b *browser) {
	b.t.Helper()
	b.loaded = false
	b.eval(`[...document.querySelectorAll("a")].find(a => a.textContent.startsWith("ann@")).click()`)
	b.awaitLoad()
	b.expect(`document.querySelector("h1").textContent`, "ann@imap.example.net")
	b.expect(`document.querySelectorAll("section").length`, 4.0) // facts, chart, certificates, history
	b.expect(`document.querySelectorAll("section:last-of-type tbody tr").length`, 20.0)
	b.expect(`document.querySelectorAll("svg rect.failed").length`, 5.0)
	b.eval(`refresh()`)
	b.expect(`document.querySelector("h1").textContent`, "ann@imap.example.net")
}

// hostileWords opens the page with words that try to be markup.
func hostileWords(b *browser, address string) {
	b.t.Helper()
	for _, path := range []string{"?q=" + url.QueryEscape(evil), "account?name=" +
		url.QueryEscape(evil+"@h")} {
		b.open(address + path)
		b.expect(`document.querySelectorAll("script").length`, 1.0)
		b.expect(`document.querySelectorAll("img").length`, 0.0)
		b.eval(`refresh()`)
		b.expect(`document.querySelectorAll("#live script, #live img").length`, 0.0)
	}
	b.open(address + "?state=backing+off")
	b.loaded = false
	b.eval(`document.querySelector("tbody a").click()`) // its name is in the address
	b.awaitLoad()
	b.expect(`document.querySelectorAll("section[aria-label='Set aside'] tbody tr").length`, 1.0)
}

// withoutScript searches by the form alone.
func withoutScript(b *browser, address string) {
	b.t.Helper()
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	b.open(address + "?state=trouble")
	b.expect(rowsShown, 3.0)
	b.expect(`document.querySelectorAll("button").length`, 1.0)
	b.expect(`document.querySelectorAll("meta[http-equiv=refresh]").length`, 1.0)
	b.loaded = false
	b.eval(`document.querySelector("input").value = "bob"; document.querySelector("button").click()`)
	b.awaitLoad()
	b.expect(rowsShown, 1.0)
	b.expect(`location.search`, "?q=bob&state=trouble")
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false})
}

// looks goes through narrow and wide windows, light and dark ones: nothing is wider than the window.
func looks(b *browser, address string) {
	b.t.Helper()
	for _, width := range []int{360, 1200} {
		for _, colours := range []string{"light", "dark"} {
			b.look(width, colours)
			for name, path := range map[string]string{
				"accounts": "", "account": "account?name=ann%40imap.example.net",
				"hostile": "account?name=" + url.QueryEscape(evil+"@h"),
			} {
				b.open(address + path)
				b.expect(`document.documentElement.scrollWidth`, float64(width))
				b.shoot(fmt.Sprintf("%s-%d-%s", name, width, colours))
			}
			ground := map[string]string{"light": "rgb(247, 247, 245)", "dark": "rgb(21, 24, 28)"}[colours]
			b.expect(`getComputedStyle(document.body).backgroundColor`, ground)
		}
	}
}
