package imds_test

import (
	"net/http"
	"testing"
	"time"
)

// TestForget: after a logout nothing is answered from memory, and session tokens stay good for the login
// that follows.
func TestForget(t *testing.T) {
	p := newFake(time.Hour)
	s := build(t, config(p))
	addr := serve(t, s, "127.0.0.1:0")
	tok := session(t, addr)
	status := func() int {
		resp, _ := do(t, http.MethodGet, addr, rolePath, "X-aws-ec2-metadata-token", tok)
		return resp.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Fatal(got)
	}
	p.fail(errLogin)
	if s.Forget("nobody") || !s.Forget("dev") {
		t.Error("it does not know its profiles")
	}
	if got := status(); got != http.StatusNotFound {
		t.Errorf("after the logout: %d", got)
	}
	p.set(newFake(time.Hour).answer)
	for end := time.Now().Add(2 * time.Second); status() != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the login was not seen")
		}
	}
}
