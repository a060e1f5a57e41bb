// SPDX-License-Identifier: BSD-3-Clause

// Compare says whether two goroutine profiles of one program are equal: the multiset of stacks (function, file, line,
// inlined frames, addresses), labels and counts, and everything around it. Exit status 0 when they are, 1 when not.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

func load(path string) *profile.Profile {
	f, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		fmt.Fprintf(os.Stderr, "compare: %s: %v\n", path, err)
		os.Exit(1)
	}
	return p
}

type depths map[string]int

func (d depths) String() string { return "" }

func (d depths) Set(text string) error {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return fmt.Errorf("not FUNCTION=N")
	}
	n, err := strconv.Atoi(text[i+1:])
	d[text[:i]] = n
	return err
}

func main() {
	r := rules{deep: map[string]int{}}
	flag.IntVar(&r.cut, "prefix", 0, "theirs is cut after `N` logical frames, ours is not")
	flag.IntVar(&r.maxFrames, "max-frames", 4096, "with -prefix: how many frames ours keeps")
	flag.StringVar(&r.root, "root", "runtime.main", "the outermost function of the goroutine that differs")
	flag.StringVar(&r.writer, "writer", "runtime/pprof.writeGoroutine", "a function in its stack in theirs")
	flag.StringVar(&r.parked, "parked", "main.park", "a function in its stack in ours")
	flag.BoolVar(&r.sum, "sum", false, "theirs may list a stack more than once")
	flag.BoolVar(&r.noBuildIDs, "no-build-ids", false, "theirs has no build ids")
	flag.BoolVar(&r.noMappings, "no-mappings", false, "theirs has no mappings")
	flag.BoolVar(&r.framePointers, "frame-pointers", false, "ours was unwound by frame pointers alone: what it has must be in theirs")
	flag.Int64Var(&r.unreadable, "unreadable", 0, "with -frame-pointers: how many goroutines, at most, have no stack")
	flag.Int64Var(&r.total, "total", 0, "how many goroutines there are in each, 0: not known")
	flag.Var(depths(r.deep), "deep", "with -prefix: the deepest whole recursion of a function in ours, `FUNCTION=N`; repeatable")
	most := flag.Int("show", 10, "how many differences to print")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: compare [options] THEIRS OURS")
		os.Exit(2)
	}
	differences := compare(load(flag.Arg(0)), load(flag.Arg(1)), r)
	for i, line := range differences {
		if i == *most {
			fmt.Printf("... and %d more\n", len(differences)-i)
			break
		}
		fmt.Println(line)
	}
	if len(differences) > 0 {
		os.Exit(1)
	}
}
