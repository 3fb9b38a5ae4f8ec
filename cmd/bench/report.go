package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// introduce prints what is measured, and on which machine.
func (b *bench) introduce() {
	fmt.Printf("%d × %s, %s, %s. Medians of %d rounds, interleaved; wall and CPU (user + system) of the "+
		"program and its\nchildren, largest process. Every delivered message was compared by hash. "+
		"× limit: against a raw pipelined reader, with a raw writer behind it where messages go to a "+
		"server or an mbox;\n× write: against that writer alone, which has the messages in memory.\n",
		runtime.NumCPU(), processor(), kernel(), runtime.Version(), b.o.rounds)
}

func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return strings.TrimLeft(name, "\t :")
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	out, err := exec.Command("uname", "-sr").Output()
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(out))
}

// report prints a workload's table.
func report(out io.Writer, w workload, field []contender, runs map[string][]result) {
	turns := ""
	if w.rtt > 0 && !w.hung {
		turns = " round trips |"
	}

	fmt.Fprintf(out, "\n### %s: %s\nTo reach: %s.\n\n"+
		"| program | wall s (least–most) | × limit | CPU s | × limit | RSS MB |%s delivered |\n"+
		"|---|---|---|---|---|---|%s---|\n",
		w.name, w.title, w.goal, turns, strings.Repeat("---|", len(turns)/len(" round trips |")))
	limit, spawned, written := median(runs["limit"]), median(runs["spawn"]), median(runs["write"])
	for _, c := range field {
		all := runs[c.name]
		if len(all) == 0 {
			continue
		}

		m := median(all)
		name := c.name
		if len(all) == 1 {
			name += " (1 round)"
		}

		wall, cpu := ratio(m.Wall, limit.Wall), ratio(m.CPU, limit.CPU)
		if spawned.Wall > 0 {
			wall += fmt.Sprintf(", %s × spawn", ratio(m.Wall, spawned.Wall))
		}
		if written.Wall > 0 {
			wall += fmt.Sprintf(", %s × write", ratio(m.Wall, written.Wall))
		}

		fmt.Fprintf(out, "| %s | %.3f (%.3f–%.3f) | %s | %.3f | %s | %.1f |", name, m.Wall.Seconds(),
			least(all).Seconds(), most(all).Seconds(), wall, m.CPU.Seconds(), cpu, float64(m.RSS)/(1<<20))
		if turns != "" {
			fmt.Fprintf(out, " %d |", m.turns)
		}

		delivered := "–"
		if m.checked {
			delivered = worst(all).String()
		}

		fmt.Fprintf(out, " %s |\n", delivered)
	}
}

func ratio(a, b time.Duration) string {
	if b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a.Seconds()/b.Seconds())
}

// median returns the medians of all measures.
func median(all []result) result {
	if len(all) == 0 {
		return result{}
	}
	m := all[0]
	m.Wall = middle(all, func(r result) time.Duration { return r.Wall })
	m.CPU = middle(all, func(r result) time.Duration { return r.CPU })
	m.RSS = middle(all, func(r result) int64 { return r.RSS })
	m.turns = middle(all, func(r result) int { return r.turns })
	return m
}

func middle[T int | int64 | time.Duration](all []result, measure func(result) T) T {
	values := make([]T, len(all))
	for i, r := range all {
		values[i] = measure(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func byWall(a, b result) int { return int(a.Wall - b.Wall) }

func least(all []result) time.Duration { return slices.MinFunc(all, byWall).Wall }

func most(all []result) time.Duration { return slices.MaxFunc(all, byWall).Wall }

// worst is the tally of the run with the worst delivery.
func worst(all []result) tally {
	return slices.MinFunc(all, func(a, b result) int {
		return (a.whole - a.extra - a.damaged) - (b.whole - b.extra - b.damaged)
	}).tally
}
