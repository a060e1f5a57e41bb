// SPDX-License-Identifier: BSD-3-Clause

// A shop that does nothing: a few hundred goroutines that wait in the ways that goroutines of real servers wait. It
// prints one line when all of them have started, and ends when its standard input does.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

// started counts the goroutines that are about to block for good.
var started sync.WaitGroup

// spawn starts n goroutines that say that they are there before they run f.
func spawn(n int, f func(i int)) {
	started.Add(n)
	for i := 0; i < n; i++ {
		i := i
		go func() {
			started.Done()
			f(i)
		}()
	}
}

type order struct{ customer string }

type shop struct {
	orders   chan order
	receipts chan order
	closing  chan struct{}
	stock    sync.Mutex
	prices   sync.RWMutex
	refill   *sync.Cond
	parcels  sync.WaitGroup
}

func newShop() *shop {
	s := &shop{orders: make(chan order), receipts: make(chan order), closing: make(chan struct{})}
	s.refill = sync.NewCond(new(sync.Mutex))
	s.parcels.Add(1)
	return s
}

// orderWorker waits for work, with the labels of the tenant that it works for.
func (s *shop) orderWorker(i int) {
	labels := pprof.Labels("tenant", []string{"north", "south", "west"}[i%3], "pool", "orders")
	pprof.Do(context.Background(), labels, func(context.Context) {
		for range s.orders {
		}
	})
}

func (s *shop) printReceipt(i int) { s.receipts <- order{customer: fmt.Sprint(i)} }

func (s *shop) followNews(int) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	select {
	case <-ticker.C:
	case <-s.closing:
	}
}

func (s *shop) reserveStock(int) {
	s.stock.Lock()
	defer s.stock.Unlock()
}

func (s *shop) readPrice(int) {
	s.prices.RLock()
	defer s.prices.RUnlock()
}

func (s *shop) waitForRefill(int) {
	s.refill.L.Lock()
	s.refill.Wait()
	s.refill.L.Unlock()
}

func (s *shop) waitForParcels(int) { s.parcels.Wait() }

func (s *shop) nap(int) { time.Sleep(time.Hour) }

func (s *shop) readBarcodes(int) {
	reader, _ := io.Pipe()
	io.Copy(io.Discard, reader)
}

// walkAisle is deep before it waits.
func (s *shop) walkAisle(depth int) {
	if depth > 0 {
		s.walkAisle(depth - 1)
		return
	}
	<-s.closing
}

// readScale sits in a system call, with a thread of its own.
func readScale(int) {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		log.Fatal(err)
	}
	syscall.Read(ends[0], make([]byte, 1))
}

// serve starts an HTTP server and keeps n idle connections to it open.
func serve(n int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(listener, http.NotFoundHandler())
	for i := 0; i < n; i++ {
		client := &http.Client{Transport: &http.Transport{}}
		response, err := client.Get("http://" + listener.Addr().String())
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

// allowAnyTracer lets any process of this user attach where Yama would allow a parent only.
func allowAnyTracer() {
	const prSetPtracer = 0x59616d61
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetPtracer, ^uintptr(0), 0)
}

func main() {
	scales := flag.Int("scales", 3, "goroutines in a system call, each with a thread")
	flag.Parse()
	allowAnyTracer()
	s := newShop()
	s.stock.Lock()
	s.prices.Lock()
	serve(24)
	spawn(90, s.orderWorker)
	spawn(40, s.followNews)
	spawn(25, s.reserveStock)
	spawn(20, s.nap)
	spawn(16, s.printReceipt)
	spawn(12, s.readPrice)
	spawn(10, s.waitForRefill)
	spawn(8, s.waitForParcels)
	spawn(6, s.readBarcodes)
	spawn(*scales, readScale)
	spawn(2, func(int) { s.walkAisle(30) })
	started.Wait()
	fmt.Printf("ready: pid %d, %d goroutines, %s\n", os.Getpid(), runtime.NumGoroutine(), runtime.Version())
	io.Copy(io.Discard, os.Stdin)
}
