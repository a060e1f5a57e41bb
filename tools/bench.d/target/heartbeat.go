// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const beat = 20 * time.Microsecond

var (
	gap   int64 // the longest so far, in ns; -1: the next one does not count
	beats int64
)

func forgetGap() {
	atomic.StoreInt64(&gap, -1)
	for atomic.LoadInt64(&gap) < 0 {
		time.Sleep(beat)
	}
}

// longestGap waits for two beats: of the one that is under way the time may have been taken already.
func longestGap() int64 {
	for before := atomic.LoadInt64(&beats); atomic.LoadInt64(&beats) < before+2; {
		time.Sleep(beat)
	}
	return atomic.LoadInt64(&gap)
}

// heartbeat has a thread and a P of its own, and feels what stops all goroutines and what stops all threads.
func heartbeat() {
	runtime.LockOSThread()
	const setTimerSlack = 29 // prctl: sleep no longer than asked for
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	pause := syscall.NsecToTimespec(int64(beat))
	last := time.Now()
	for {
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
		now := time.Now()
		longest := atomic.LoadInt64(&gap)
		if between := int64(now.Sub(last)); longest < 0 {
			atomic.CompareAndSwapInt64(&gap, longest, 0)
		} else if between > longest {
			atomic.CompareAndSwapInt64(&gap, longest, between)
		}
		last = now
		atomic.AddInt64(&beats, 1)
	}
}

func startHeartbeat() {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	go heartbeat()
}
