// SPDX-License-Identifier: BSD-3-Clause

// Readers says what two readers of Go's tracebacks, panicparse and gostackparse, make of a file: how many goroutines, and
// of each its id, state, creator and frames, a line each, in a form that is the same for both.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/DataDog/gostackparse"
	"github.com/maruel/panicparse/v2/stack"
)

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "readers: "+format+"\n", args...)
	os.Exit(1)
}

func byPanicparse(dump []byte) {
	options := stack.DefaultOpts()
	options.NameArguments, options.AnalyzeSources, options.GuessPaths = false, false, false
	var rest bytes.Buffer
	snapshot, _, err := stack.ScanSnapshot(bytes.NewReader(dump), &rest, options)
	if err != nil && err != io.EOF {
		fail("panicparse: %v", err)
	}
	if snapshot == nil {
		fail("panicparse finds no goroutine")
	}
	if left := strings.TrimSpace(rest.String()); left != "" {
		fmt.Printf("error\t%.300q is not understood\n", left)
	}
	for _, g := range snapshot.Goroutines {
		creator := ""
		if len(g.CreatedBy.Calls) > 0 {
			creator = g.CreatedBy.Calls[0].Func.Complete
		}
		fmt.Printf("panicparse\t%d\t%s\t%v\t%s", g.ID, g.State, g.Locked, creator)
		for _, call := range g.Stack.Calls {
			fmt.Printf("\t%s:%d", call.Func.Complete, call.Line)
		}
		fmt.Println()
	}
}

func byGostackparse(dump []byte) {
	goroutines, errs := gostackparse.Parse(bytes.NewReader(dump))
	for _, err := range errs {
		fmt.Printf("error\t%v\n", err)
	}
	for _, g := range goroutines {
		creator := ""
		if g.CreatedBy != nil {
			creator = g.CreatedBy.Func
		}
		fmt.Printf("gostackparse\t%d\t%s\t%v\t%s", g.ID, g.State, g.LockedToThread, creator)
		for _, frame := range g.Stack {
			fmt.Printf("\t%s:%d", frame.Func, frame.Line)
		}
		fmt.Println()
	}
}

func main() {
	dump, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail("%v", err)
	}
	map[string]func([]byte){"panicparse": byPanicparse, "gostackparse": byGostackparse}[os.Args[1]](dump)
}
