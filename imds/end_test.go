package imds_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestEndOfServing: answers under way finish, nothing new is taken, and no goroutine stays.
func TestEndOfServing(t *testing.T) {
	p := newFake(time.Hour)
	s := build(t, config(p))
	ln, err := s.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	addr := ln.Addr().String()
	for !s.Status()[0].Ready {
		time.Sleep(time.Millisecond)
	}
	entered := make(chan struct{}, 1)
	p.set(func(ctx context.Context) (aws.Credentials, error) {
		entered <- struct{}{}
		select {
		case <-time.After(400 * time.Millisecond):
			return creds(2, time.Hour), nil
		case <-ctx.Done():
			return aws.Credentials{}, ctx.Err()
		}
	})
	s.Forget("dev")
	<-entered // there are no credentials, and a fetch is under way
	got := make(chan string, 1)
	go func() {
		b, _ := raw(addr, "GET /credentials/dev HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: "+bearer+"\r\nConnection: close\r\n\r\n")
		got <- b
	}()
	for s.Busy() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if b := <-got; !strings.HasPrefix(b, "HTTP/1.1 200") {
		t.Errorf("the answer under way: %.60q", b)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if b, err := raw(addr, "GET /healthz HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"); err == nil && b != "" {
		t.Errorf("after the end: %.60q", b)
	}
}
