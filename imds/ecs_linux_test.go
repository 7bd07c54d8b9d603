//go:build !otheros

package imds_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// ecsServer serves dev to processes that come to an address without a token, as ECS's agent does.
func ecsServer(t *testing.T, without string, change ...func(*imds.Config)) *imds.Server {
	t.Helper()
	c := config(newFake(time.Hour))
	c.ECS = "dev"
	for _, f := range change {
		f(&c)
	}
	s := build(t, c)
	if without != "" {
		var err error
		if s, err = imds.Without(c, without); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func ecsRequest(host, path, header string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + header + "Connection: close\r\n\r\n"
}

// TestECSAddress: one profile without a token, at one address, and nothing else there.
func TestECSAddress(t *testing.T) {
	s := ecsServer(t, "")
	ecs, other := serveBoth(t, s)
	_, port, _ := strings.Cut(ecs, ":")
	for _, x := range []struct {
		addr, host, path, header string
		want                     int
	}{
		{ecs, "127.9.0.2", "/credentials/dev", "", 200},
		{ecs, "127.9.0.2:" + port, "/credentials/dev", "", 200},
		{ecs, "127.9.0.2", "/credentials/dev/", "", 200},
		{ecs, "127.9.0.2", "/credentials/dev", "Authorization: whatever\r\n", 200},
		{ecs, "127.9.0.2", "/credentials/ci", "", 404},
		{ecs, "127.9.0.2", "/credentials/ci", "Authorization: " + bearerCI + "\r\n", 404},
		{ecs, "127.9.0.2", "/latest/meta-data/", "", 404},
		{ecs, "127.9.0.2", "/healthz", "", 404},
		{ecs, "127.0.0.1", "/credentials/dev", "", 403},
		{ecs, "localhost", "/credentials/dev", "", 403},
		{ecs, "evil.example", "/credentials/dev", "", 403},
		{ecs, "127.9.0.2", "/credentials/dev", "Origin: null\r\n", 403},
		{ecs, "127.9.0.2", "/credentials/dev", "X-Forwarded-For: 127.0.0.1\r\n", 403},
		{other, "127.0.0.1", "/credentials/dev", "", 403},
		{other, "169.254.170.2", "/credentials/dev", "", 403},
		{other, "127.0.0.1", "/credentials/dev", "Authorization: " + bearer + "\r\n", 200},
	} {
		got, err := raw(x.addr, ecsRequest(x.host, x.path, x.header))
		if err != nil || !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", x.want)) || strings.Contains(got, canary) != (x.want == 200) {
			t.Errorf("%+v: %.60q %v", x, got, err)
		}
	}
}

// serveBoth serves on the ECS address and on 127.0.0.1.
func serveBoth(t *testing.T, s *imds.Server) (ecs, other string) {
	t.Helper()
	one, err := s.Listen(t.Context(), "127.9.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, one, two)
	return one.Addr().String(), two.Addr().String()
}

// TestECSNeedsEachGuard: each guard of the address refuses what without it gets the credentials.
func TestECSNeedsEachGuard(t *testing.T) {
	me := uint32(os.Geteuid())
	for guard, attack := range map[string]func(*testing.T, string) string{
		"host": func(t *testing.T, addr string) string {
			return mustRaw(t, addr, ecsRequest("rebound.example", "/credentials/dev", ""))
		},
		"browser": func(t *testing.T, addr string) string {
			return mustRaw(t, addr, ecsRequest("127.9.0.2", "/credentials/dev", "Origin: http://evil.example\r\n"))
		},
		"forwarded": func(t *testing.T, addr string) string {
			return mustRaw(t, addr, ecsRequest("127.9.0.2", "/credentials/dev", "Via: 1.1 proxy\r\n"))
		},
		"peer": func(t *testing.T, addr string) string {
			return as(t, otherUID, order{Addr: addr, Show: true}).Answers[0]
		},
		"container": func(t *testing.T, addr string) string {
			return as(t, me, order{Addr: addr, Show: true, Sandbox: true}).Answers[0]
		},
	} {
		t.Run(guard, func(t *testing.T) {
			for _, without := range []string{"", guard} {
				s := ecsServer(t, without)
				addr, _ := serveBoth(t, s)
				got := attack(t, addr)
				if leak := strings.Contains(got, canary); leak != (without != "") {
					t.Errorf("without %q: %.80q", without, got)
				}
			}
		})
	}
}

func mustRaw(t *testing.T, addr, request string) string {
	t.Helper()
	got, err := raw(addr, request)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestECSForOtherUsers: a user who is allowed has a uid to be told apart by, in a container too; a process of the
// server's own user needs to be outside of one.
func TestECSForOtherUsers(t *testing.T) {
	s := ecsServer(t, "", func(c *imds.Config) { c.AllowUIDs = []uint32{otherUID} })
	addr, _ := serveBoth(t, s)
	for _, x := range []struct {
		uid     uint32
		sandbox bool
		want    bool
	}{{uint32(os.Geteuid()), false, true}, {uint32(os.Geteuid()), true, false}, {otherUID, false, true}, {otherUID, true, true}} {
		if got := as(t, x.uid, order{Addr: addr, Show: true, Sandbox: x.sandbox}).Answers[0]; strings.HasPrefix(got, "HTTP/1.1 200 ") != x.want {
			t.Errorf("%+v: %.60q", x, got)
		}
	}
}

func TestECSNeedsThePeerCheck(t *testing.T) {
	c := config(newFake(time.Hour))
	c.ECS, c.NoPeerCheck = "dev", true
	if _, err := imds.New(c); !errors.Is(err, imds.ErrNoPeerCheck) {
		t.Errorf("without the check: %v", err)
	}
	c.NoPeerCheck = false
	s := build(t, c)
	c.NoPeerCheck = true
	if err := s.Reload(c); !errors.Is(err, imds.ErrNoPeerCheck) {
		t.Errorf("reloaded without the check: %v", err)
	}
	for _, name := range []string{"nobody", "hidden"} {
		c := config(newFake(time.Hour))
		c.Profiles = append(c.Profiles, imds.Profile{Name: "hidden", Provider: newFake(time.Hour), NoContainer: true})
		c.ECS = name
		if _, err := imds.New(c); err == nil {
			t.Errorf("%s is served", name)
		}
	}
}
