package status

import (
	"fmt"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch/schedule"
)

// chart is a day of messages and failures: bars up and down from an axis, one of each for every hour.
type chart struct {
	Messages, Failures string // sums
	Bars               []bar
	From, Most, To     string
}

// bar is an hour in the chart's own units, of which its picture has 240 by 100.
type bar struct {
	Title            string
	X, Top, Up, Down int
}

const (
	chartHours = 24
	hourWide   = 10
	axisAt     = 70 // from above
	mostUp     = 66
	mostDown   = 26
)

// chart draws the hours, of which those without anything may be missing, up to the report's time.
func (r *Report) chart(hours []schedule.Hour) chart {
	byStart := map[int64]schedule.Hour{}
	var sum, most schedule.Hour
	for _, h := range hours {
		byStart[h.Start.Unix()] = h
		sum.Messages, sum.Failures = sum.Messages+h.Messages, sum.Failures+h.Failures
		most.Messages, most.Failures = max(most.Messages, h.Messages), max(most.Failures, h.Failures)
	}

	c := chart{
		Messages: logging.Counted(sum.Messages, "message"),
		Failures: logging.Counted(sum.Failures, "failed retrieval"), To: "now",
	}
	if most.Messages > 0 {
		c.Most = fmt.Sprintf("at most %s an hour", logging.Counted(most.Messages, "message"))
	}
	first := r.At.Truncate(time.Hour).Add(-(chartHours - 1) * time.Hour)
	c.From = r.time(first)
	for i := range chartHours {
		h := byStart[first.Add(time.Duration(i)*time.Hour).Unix()]
		h.Start = first.Add(time.Duration(i) * time.Hour)
		up := scale(h.Messages, most.Messages, mostUp)
		c.Bars = append(c.Bars, bar{
			Title: fmt.Sprintf("%s: %s, %s", r.time(h.Start), logging.Counted(h.Messages, "message"),
				logging.Counted(h.Failures, "failed retrieval")),
			X: i * hourWide, Top: axisAt - up, Up: up, Down: scale(h.Failures, most.Failures, mostDown),
		})
	}
	return c
}

// scale is the length of n where most has the length full; what is there can be seen.
func scale(n, most int64, full int) int {
	if n <= 0 {
		return 0
	}
	return max(2, int(n*int64(full)/most))
}

// draw is the chart's picture with its legend.
func (c *chart) draw(m *markup) {
	m.add("<section aria-label='The last 24 hours'><div class='legend'><h2>The last 24 hours</h2><span>")
	m.add("<span class='key'></span>%s", c.Messages)
	m.add("<span class='key failed'></span>%s</span></div>\n", c.Failures)
	m.add("<svg viewBox='0 0 240 100' preserveAspectRatio='none' role='img'")
	m.add(" aria-label='%s and %s in the last 24 hours'>\n", c.Messages, c.Failures)
	m.add("<line class='axis' x1='0' y1='70' x2='240' y2='70'/>\n")

	for _, b := range c.Bars {
		m.add("<g><title>%s</title>", b.Title)
		m.add("<rect x='%d' y='0' width='10' height='100' fill='transparent'/>", b.X)
		if b.Up > 0 {
			m.add("<rect class='mail' x='%d' y='%d' width='8' height='%d'/>", b.X, b.Top, b.Up)
		}
		if b.Down > 0 {
			m.add("<rect class='failed' x='%d' y='71' width='8' height='%d'/>", b.X, b.Down)
		}
		m.add("</g>\n")
	}
	m.add("</svg>\n<div class='scale'><span>%s</span><span>%s</span><span>%s</span></div></section>\n",
		c.From, c.Most, c.To)
}
