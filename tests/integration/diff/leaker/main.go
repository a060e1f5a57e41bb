// SPDX-License-Identifier: BSD-3-Clause

// A program that leaks on command. It reads commands from standard input, one a line, and says "done" when each has been
// carried out: every goroutine of it then waits.
//
//	leak N      N more goroutines that wait for ever
//	borrow N    N more goroutines that can be given back
//	give N      N of those end
//	move        the goroutine that moves waits somewhere else
//	gc          two garbage collections, so that waits are noted
//	exec        the program begins anew, in the same process; it says "ready" again
//	profile F   its own goroutine profile (debug=0), into the file F
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

var (
	never    = make(chan int)
	back     = make(chan int)
	here     = make(chan int)
	there    = make(chan int)
	expected int
)

func leaking() { <-never }

func borrowed() { <-back }

func moving() {
	for {
		<-here
		<-there
	}
}

// settle waits until all goroutines are there and wait.
func settle() {
	buffer := make([]byte, 1<<24)
	for {
		running := 0
		text := string(buffer[:runtime.Stack(buffer, true)])
		for i := 0; i+10 < len(text); i++ {
			if text[i:i+10] == "[runnable]" || text[i:i+9] == "[running]" {
				running++
			}
		}
		if runtime.NumGoroutine() == expected && running <= 1 {
			return
		}
		runtime.Gosched()
	}
}

func start(n int, f func()) {
	expected += n
	for i := 0; i < n; i++ {
		go f()
	}
}

func profile(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return pprof.Lookup("goroutine").WriteTo(file, 0)
}

func main() {
	expected = runtime.NumGoroutine()
	start(1, moving)
	settle()
	fmt.Println("ready")
	toggle := 0
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var word, path string
		var n int
		fmt.Sscan(input.Text(), &word, &path)
		fmt.Sscan(path, &n)
		switch word {
		case "leak":
			start(n, leaking)
		case "borrow":
			start(n, borrowed)
		case "give":
			expected -= n
			for i := 0; i < n; i++ {
				back <- 1
			}
		case "move":
			[]chan int{here, there}[toggle%2] <- 1
			toggle++
		case "gc":
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
			runtime.GC()
		case "exec":
			if err := syscall.Exec(os.Args[0], os.Args, os.Environ()); err != nil {
				panic(err)
			}
		case "profile":
			if err := profile(path); err != nil {
				panic(err)
			}
		}
		settle()
		fmt.Println("done", runtime.NumGoroutine())
	}
}
