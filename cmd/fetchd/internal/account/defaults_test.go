package account

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/schedule"
	"fetchd/rcfile"
)

// TestDefaults compares what --configdump shows of settings that the file doesn't name with what is then
// done: naming the default changes nothing in the account, down to its destination and policy.
func TestDefaults(t *testing.T) {
	t.Parallel()
	const quiet, agent = "poll h proto imap", ` user ann mda "cat"`
	unnamed := effects(t, quiet+agent)
	for _, k := range rcfile.Keywords() {
		if k.Default == nil {
			continue
		}
		said, shown := fmt.Sprint(k.Name, " ", k.Default), k.Default
		switch {
		case k.Default == true:
			said = k.Name
		case k.Default == false:
			said = "no " + k.Name
		}
		switch k.Scope {
		case rcfile.Global:
			checkGlobalDefault(t, k.Name, shown)
		case rcfile.Server:
			sameEffects(t, k.Name, effects(t, quiet+" "+said+agent), unnamed)
		case rcfile.Login:
			sameEffects(t, k.Name, effects(t, quiet+agent+" "+said), unnamed)
		}
	}
}

// checkGlobalDefault compares the default of a set statement with what a run makes of a file without one.
func checkGlobalDefault(t *testing.T, name string, shown any) {
	t.Helper()
	var g rcfile.Globals // what nobody set
	done, known := map[string]any{
		"daemon": g.Daemon.Value, "syslog": g.Syslog.Value, "invisible": g.Invisible.Value,
		"spambounce": g.Spambounce.Value, "showdots": g.Showdots.Value, "statuspage": g.StatusPage.Value,
		"passlimit": int(schedule.DefaultPassLimit / time.Second),
		"maxpolls":  schedule.DefaultMaxPolls, "maxperhost": schedule.DefaultMaxPerHost,
		"bouncemail": true, "softbounce": true, // fetchmail's: here they do nothing
	}[name]
	if !known || done != shown {
		t.Errorf("set %s: the dump shows %v, a run does %v (known here: %v)", name, shown, done, known)
	}
}

func sameEffects(t *testing.T, keyword string, got, want map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			t.Errorf("%s: naming its default makes %s %s, it is %s without",
				keyword, path, got[path], want[path])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d values, %d without it", keyword, len(got), len(want))
	}
}

// effects are the plain values that the account of an rc file holds, by the path to each.
func effects(t *testing.T, text string) map[string]string {
	t.Helper()
	accounts, _, err := resolveText(t, text+"\n")
	if err != nil || len(accounts) != 1 {
		t.Fatalf("%s: %d accounts, %v", text, len(accounts), err)
	}
	values := make(map[string]string)
	collect(values, "", reflect.ValueOf(accounts[0]))
	if len(values) < 40 || values[".Delivery.Deliverer.timeout"] == "" {
		t.Fatalf("%s: effects overlooked: %v", text, values)
	}
	return values
}

// collect goes through what is ours: not into functions, and not into the types of other packages.
func collect(values map[string]string, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(values, path, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			// Settings is a digest of the file.
			if strings.HasPrefix(v.Type().PkgPath(), "fetchd/") && v.Type().Field(i).Name != "Settings" {
				collect(values, path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(values, fmt.Sprint(path, i), v.Index(i))
		}
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int64, reflect.Uint16, reflect.Uint32:
		values[path] = fmt.Sprint(v)
	}
}
