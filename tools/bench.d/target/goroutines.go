// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"flag"
	"math/rand"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	goroutines = flag.Int("goroutines", 0, "how many goroutines wait")
	depth      = flag.Int("depth", 12, "frames of each")
	labelSets  = flag.Int("labels", 0, "different label sets among them; their stacks then differ in depth, too")
	wakeups    = flag.Int("wakeups", 0, "how many of them are woken each second")
	among      = flag.Int("among", 0, "the woken are the first so many; 0: all")
	requests   = flag.Int("requests", 0, "goroutines that are born each second and end after some ms")
	spinning   = flag.Int("spinning", 0, "goroutines that are always runnable")
	collecting = flag.Bool("collecting", false, "collect garbage all the time")
	atLeast    = flag.Int("threads", 0, "have this many threads")
)

var woken int64

//go:noinline
func waitForTurn(turn chan struct{}) {
	for range turn {
		atomic.AddInt64(&woken, 1)
	}
}

//go:noinline
func spin() {
	for {
		runtime.Gosched()
	}
}

// Two functions that call each other, so that neighbouring frames differ. What is after the call keeps it one.

//go:noinline
func outer(left int, last func()) int {
	if left <= 1 {
		last()
		return 0
	}
	return inner(left-1, last) + 1
}

//go:noinline
func inner(left int, last func()) int {
	if left <= 1 {
		last()
		return 0
	}
	return outer(left-1, last) + 2
}

// startMany starts count goroutines with run at their end, and returns when all are there.
func startMany(count int, run func(i int)) {
	var started sync.WaitGroup
	started.Add(count)
	for i := 0; i < count; i++ {
		i, frames := i, *depth
		start := func() {
			go outer(frames, func() {
				started.Done()
				run(i)
			})
		}
		if *labelSets == 0 {
			start()
			continue
		}
		frames += i % 9
		set := strconv.Itoa(i % *labelSets)
		labels := pprof.Labels("request", set, "tenant", "tenant-"+set, "path", "/v1/things")
		pprof.Do(context.Background(), labels, func(context.Context) { start() })
	}
	started.Wait()
}

// every calls do(n) so that n adds up to rate in a second.
func every(rate int, do func(n int)) {
	start, done := time.Now(), 0
	for {
		time.Sleep(time.Millisecond)
		due := int(time.Since(start).Seconds() * float64(rate))
		do(due - done)
		done = due
	}
}

func wake(turns []chan struct{}) {
	random := rand.New(rand.NewSource(1))
	every(*wakeups, func(n int) {
		for ; n > 0; n-- {
			select {
			case turns[random.Intn(len(turns))] <- struct{}{}:
			default: // it has not come to its last turn yet
			}
		}
	})
}

func startWaiting() {
	never := make(chan struct{})
	turns := make([]chan struct{}, *goroutines)
	for i := range turns {
		turns[i] = never
		if *wakeups > 0 {
			turns[i] = make(chan struct{}, 1)
		}
	}
	startMany(*goroutines, func(i int) { waitForTurn(turns[i]) })
	if *among > 0 {
		turns = turns[:*among]
	}
	if *wakeups > 0 {
		go wake(turns)
	}
}

//go:noinline
func serveRequest(life time.Duration) int {
	time.Sleep(life)
	return int(life)
}

func startRequests() {
	random := rand.New(rand.NewSource(2))
	every(*requests, func(n int) {
		for ; n > 0; n-- {
			life := time.Duration(random.Intn(10_000)) * time.Microsecond
			go outer(*depth, func() { serveRequest(life) })
		}
	})
}

func collect() {
	for {
		runtime.GC()
	}
}

// startThreads makes threads that wait in the kernel, until there are as many as wanted.
func startThreads() {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		fail(err)
	}
	for threads() < *atLeast {
		started := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(started)
			syscall.Read(ends[0], make([]byte, 1))
			os.Exit(1)
		}()
		<-started
	}
}

func startGoroutines() {
	if *atLeast > 0 {
		startThreads()
	}
	startWaiting()
	startMany(*spinning, func(int) { spin() })
	if *requests > 0 {
		go startRequests()
	}
	if *collecting {
		go collect()
	}
}
