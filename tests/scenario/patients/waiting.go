// SPDX-License-Identifier: BSD-2-Clause

// Waits of Go, for scenario/stacks/03_languages.c: of its threads, not of its goroutines.
package main

import (
	"os"
	"runtime"
	"syscall"
)

//go:noinline
func deep(n int, last func()) int {
	if n == 0 {
		last()
		return 1
	}
	return deep(n-1, last) + 1
}

func main() {
	var ends [2]int
	one := make([]byte, 1)

	if syscall.Pipe(ends[:]) != nil {
		os.Exit(1)
	}
	for i := 0; i < 3; i++ {
		go func() {
			runtime.LockOSThread()
			deep(5, func() { syscall.Read(ends[0], one) })
		}()
	}
	runtime.LockOSThread()
	os.WriteFile("/proc/self/comm", []byte("waiting"), 0)
	deep(5, func() { syscall.Read(ends[0], one) })
}
