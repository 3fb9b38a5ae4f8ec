package main

import (
	"testing"
	"time"
)

// A refused login is tried after an hour, two, and then each four.
func TestRefusedLoginWaits(t *testing.T) {
	t.Parallel()
	last := time.Now()
	for count, want := range map[int]time.Duration{
		1: time.Hour, 2: 2 * time.Hour, 3: 4 * time.Hour, 4: 4 * time.Hour, 1000: 4 * time.Hour,
	} {
		l := refusedLogin{Count: count, Last: last}
		if got := l.next().Sub(last); got != want {
			t.Errorf("after %d refusals %s, want %s", count, got, want)
		}
	}
}

// Where the server ends the connection over the login it may be out of order, or the password wrong.
func TestEndedLoginWaits(t *testing.T) {
	t.Parallel()
	last := time.Now()
	for count, want := range map[int]time.Duration{1: 0, 2: 30 * time.Minute, 1000: 30 * time.Minute} {
		l := refusedLogin{Count: count, Last: last, Ended: true}
		if got := l.next().Sub(last); got != want {
			t.Errorf("after %d ends %s, want %s", count, got, want)
		}
	}
}
