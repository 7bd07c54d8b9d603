//go:build !otheros

package imds_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// TestUntakenAnswers: a client that asks and takes no answer cannot hold its connection for ever.
func TestUntakenAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits for the endpoint's time limits")
	}
	t.Parallel()
	ln, err := build(t, config(newFake(time.Hour))).Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if !imds.LimitUnacknowledged(ln, 300*time.Millisecond) {
		t.Fatal("the kernel takes no such limit")
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for err == nil {
		_, err = c.Write(make([]byte, 1<<16))
	}
	if !errors.Is(err, syscall.ETIMEDOUT) {
		t.Error(err)
	}
}
