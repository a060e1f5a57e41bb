// SPDX-License-Identifier: BSD-3-Clause

// Target is the program that tools/bench looks at. Its flags say what its goroutines do; it prints "ready PID" when they
// do it, answers one line on its standard output for each on its standard input, and ends with that.
//
//	reset           forget the heartbeat's longest gap and the count of wake-ups     done 0
//	gap             the longest gap between two beats since then                     gap NS
//	wakeups         how many goroutines were woken since then                        wakeups N
//	stack           runtime.Stack of all goroutines, in a buffer that is large enough      stack NS
//	debug0 PATH     pprof.Lookup("goroutine").WriteTo(file, 0)                       debug0 NS
//	debug2 PATH     the same with 2                                                  debug2 NS
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// stackText keeps the buffer of the last runtime.Stack: as large as it has to be, and touched.
var stackText []byte

func stackOfAll() time.Duration {
	for {
		start := time.Now()
		n := runtime.Stack(stackText, true)
		took := time.Since(start)
		if n < len(stackText) {
			return took
		}
		stackText = make([]byte, 4*len(stackText)+(1<<20))
		for i := 0; i < len(stackText); i += 4096 {
			stackText[i] = 1
		}
	}
}

func profile(path string, debug int) time.Duration {
	start := time.Now()
	file, err := os.Create(path)
	if err != nil {
		fail(err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(file, debug); err != nil {
		fail(err)
	}
	if err := file.Close(); err != nil {
		fail(err)
	}
	return time.Since(start)
}

func answer(words []string) (int64, bool) {
	switch {
	case len(words) == 1 && words[0] == "reset":
		forgetGap()
		atomic.StoreInt64(&woken, 0)
		return 0, true
	case len(words) == 1 && words[0] == "gap":
		return longestGap(), true
	case len(words) == 1 && words[0] == "wakeups":
		return atomic.LoadInt64(&woken), true
	case len(words) == 1 && words[0] == "stack":
		return int64(stackOfAll()), true
	case len(words) == 2 && words[0] == "debug0":
		return int64(profile(words[1], 0)), true
	case len(words) == 2 && words[0] == "debug2":
		return int64(profile(words[1], 2)), true
	}
	return 0, false
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, "target:", what)
	os.Exit(1)
}

func threads() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if name, value, found := strings.Cut(line, ":"); found && name == "Threads" {
			count, _ := strconv.Atoi(strings.TrimSpace(value))
			return count
		}
	}
	return 0
}

func main() {
	load := flag.String("load", "", "be a load generator for the server at this address")
	flag.Parse()
	if *load != "" {
		generateLoad(*load)
		return
	}
	startHeartbeat()
	startGoroutines()
	startServer()
	fmt.Println("ready", os.Getpid(), threads())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		value, known := answer(words)
		if !known {
			fail("what is " + strconv.Quote(lines.Text()) + "?")
		}
		fmt.Println(words[0], value)
	}
}
