package imds_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

func asError(err error, target any) bool { return err != nil && errors.As(err, target) }

// FuzzHost: what is let through is a name on the list, alone or with the port.
func FuzzHost(f *testing.F) {
	for _, h := range append([]string{"", ":", "127.0.0.1:9911", "127.0.0.1:99110", "[::1]:9911", "localhost.", "localhost:", "evil.example:9911", "127.0.0.1:9911:9911"}, imds.DefaultHosts...) {
		f.Add(h, "9911")
		f.Add(h, "")
	}
	f.Fuzz(func(t *testing.T, host, port string) {
		want := false
		for _, h := range imds.DefaultHosts {
			want = want || host == h || port != "" && host == h+":"+port
		}
		if got := imds.HostAllowed(host, port, imds.DefaultHosts); got != want {
			t.Errorf("%q with port %q: %v", host, port, got)
		}
	})
}

// FuzzTTL: what is taken is a number from 1 to 21600 written in digits.
func FuzzTTL(f *testing.F) {
	for _, s := range []string{"", "0", "1", "21600", "21601", "-5", "+1", "00001", "1e3", " 1", "９"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := imds.ParseTTL(s)
		if ok && (d < time.Second || d > 21600*time.Second || strings.Trim(s, "0123456789") != "") {
			t.Errorf("%q is %v", s, d)
		}
	})
}

// FuzzSessionToken: nothing but what the server made is a token.
func FuzzSessionToken(f *testing.F) {
	s := quietServer(f, newFake(time.Hour))
	tok := ask(s, "PUT", "/latest/api/token", ttlHeader, "21600").Body.String()
	f.Add(tok[:54])
	f.Add(strings.Repeat("A", 56))
	f.Add("")
	f.Fuzz(func(t *testing.T, x string) {
		if w := ask(s, "GET", rolePath, "X-aws-ec2-metadata-token", x); x != tok && (w.Code != 401 || strings.Contains(w.Body.String(), canary)) {
			t.Errorf("%q: %d", x, w.Code)
		}
	})
}

// FuzzRouting: whatever the target, no secret comes without a token of its kind, nothing redirects, and
// nothing panics.
func FuzzRouting(f *testing.F) {
	s := quietServer(f, newFake(time.Hour))
	tok := ask(s, "PUT", "/latest/api/token", ttlHeader, "21600").Body.String()
	for _, p := range []string{"/", "//", "/credentials/dev", "/credentials//dev/", "/credentials/%64ev", rolePath, rolePath + "/", "/latest/../latest", "/latest/api/token", "/healthz", "*", "", "http://127.0.0.1/credentials/dev", "/\x00", "/2021-03-23/api/token"} {
		f.Add("GET", p)
		f.Add("PUT", p)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		if method == "" || strings.ContainsAny(method, " \x00") {
			return
		}
		if strings.HasPrefix(target, "/") {
			if q := imds.Squeeze(target); !strings.HasPrefix(q, "/") || strings.Contains(q, "//") || len(q) > 1 && strings.HasSuffix(q, "/") || imds.Squeeze(q) != q {
				t.Errorf("%q becomes %q", target, q)
			}
		}
		for _, header := range [][]string{nil, {"Authorization", bearerCI}, {"X-aws-ec2-metadata-token", tok}, {"Authorization", bearer}} {
			w := askTarget(s, method, target, header...)
			leak := strings.Contains(w.Body.String(), "CANARY-secret")
			path, _, _ := strings.Cut(target, "?")
			path = imds.Squeeze(path)
			allowed := header != nil && (method == "GET" || method == "HEAD" && header[0] != "Authorization") &&
				(header[1] == bearerCI && path == "/credentials/ci" || header[1] == bearer && path == "/credentials/dev" ||
					header[1] == tok && (strings.HasSuffix(path, "/meta-data/iam/security-credentials/dev") || strings.HasSuffix(path, "/meta-data/iam/security-credentials-extended/dev")))
			if leak && !allowed || w.Code >= 300 && w.Code < 400 || w.Header().Get("Location") != "" {
				t.Errorf("%q %q %v: %d", method, target, header, w.Code)
			}
		}
	})
}
