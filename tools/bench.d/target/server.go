// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"sync"
	"time"
)

const messageSize = 64

var (
	serving     = flag.Bool("serve", false, "print \"listening ADDRESS\" and answer there")
	rate        = flag.Int("rate", 0, "load: requests a second; 0: each connection as fast as it is answered")
	connections = flag.Int("connections", 32, "load: how many connections")
	period      = flag.Duration("for", time.Second, "load: for how long")
)

// work is what a request costs: some 20 µs.
func work(message []byte) {
	sum := sha256.Sum256(message)
	for i := 0; i < 100; i++ {
		sum = sha256.Sum256(sum[:])
	}
	copy(message, sum[:])
}

func serve(connection net.Conn) {
	defer connection.Close()
	message := make([]byte, messageSize)
	for {
		if _, err := io.ReadFull(connection, message); err != nil {
			return
		}
		work(message)
		if _, err := connection.Write(message); err != nil {
			return
		}
	}
}

func startServer() {
	if !*serving {
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println("listening", listener.Addr())
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				fail(err)
			}
			go serve(connection)
		}
	}()
}

// ask sends requests until the end and returns how long each took, from when it was due on.
func ask(address string, first time.Time, between time.Duration, end time.Time) []time.Duration {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		fail(err)
	}
	defer connection.Close()
	var took []time.Duration
	message := make([]byte, messageSize)
	for due := first; due.Before(end); due = due.Add(between) {
		if between == 0 {
			due = time.Now()
		} else if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := connection.Write(message); err != nil {
			fail(err)
		}
		if _, err := io.ReadFull(connection, message); err != nil {
			fail(err)
		}
		took = append(took, time.Since(due))
	}
	return took
}

func generateLoad(address string) {
	var mutex sync.Mutex
	var all []time.Duration
	var asking sync.WaitGroup
	between := time.Duration(0)
	if *rate > 0 {
		between = time.Second * time.Duration(*connections) / time.Duration(*rate)
	}
	start := time.Now()
	for i := 0; i < *connections; i++ {
		first := start.Add(between * time.Duration(i) / time.Duration(*connections))
		asking.Add(1)
		go func() {
			defer asking.Done()
			took := ask(address, first, between, start.Add(*period))
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, took...)
		}()
	}
	asking.Wait()
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"requests":   float64(len(all)),
		"per_second": float64(len(all)) / time.Since(start).Seconds(),
		"p50_ns":     float64(all[len(all)/2]),
		"p99_ns":     float64(all[len(all)*99/100]),
	})
}
