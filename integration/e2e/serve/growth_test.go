package serve_test

import (
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Fifty thousand requests (STS_HELPER_TEST_REQUESTS for more), on lasting and on fresh
// connections, good and bad, leave the server as it was.
func TestServeDoesNotGrow(t *testing.T) {
	harness.Long(t, "fifty thousand requests")
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to look into a process that hides itself")
	}
	n := 50_000
	if v := os.Getenv("STS_HELPER_TEST_REQUESTS"); v != "" {
		var err error
		n, err = strconv.Atoi(v)
		harness.Must(t, err)
	}
	w := harness.NewWorld(t)
	metrics := harness.FreePort(t)
	s := w.Serve(t, "--source-profile", "base", "--imds", "default", "--metrics-listen", metrics, "--log-level", "error")
	bearer := s.Bearer(t)
	burst := func(n int) {
		const clients = 50
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				tr := &http.Transport{DisableKeepAlives: c%5 == 0}
				defer tr.CloseIdleConnections()
				client := &http.Client{Transport: tr, Timeout: 20 * time.Second}
				for i := range n / clients {
					url, name, value, want := s.Base+"/credentials/default", "Authorization", bearer, 200
					method := "GET"
					switch i % 4 {
					case 1:
						method, url, name, value = "PUT", s.Base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600"
					case 2:
						value, want = "wrong", 403
					case 3:
						url, want = s.Base+"/nothing", 401
					}
					req, err := http.NewRequest(method, url, nil)
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set(name, value)
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
					if resp.StatusCode != want {
						t.Errorf("%s %s: %d, want %d", method, url, resp.StatusCode, want)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	settled := func() (fds, goroutines, rss int) {
		fds, goroutines = 1<<20, 1<<20
		for range 20 { // what was closed takes a moment to be gone
			harness.HTTPClient.CloseIdleConnections()
			time.Sleep(50 * time.Millisecond)
			fds, goroutines = min(fds, s.Descriptors(t)), min(goroutines, s.Goroutines(t, metrics))
		}
		return fds, goroutines, s.StatusField(t, "VmRSS")
	}
	burst(n / 5)
	fds, goroutines, rss := settled()
	start := time.Now()
	burst(n)
	took := time.Since(start)
	fds2, goroutines2, rss2 := settled()
	t.Logf("%d requests in %s: %d then %d descriptors, %d then %d goroutines, %.1f then %.1f MB, %.1f MB at most",
		n, took.Round(time.Millisecond), fds, fds2, goroutines, goroutines2, float64(rss)/1024, float64(rss2)/1024, float64(s.StatusField(t, "VmHWM"))/1024)
	if fds2 > fds+2 || goroutines2 > goroutines+4 {
		t.Errorf("it has grown: %d then %d descriptors, %d then %d goroutines", fds, fds2, goroutines, goroutines2)
	}
	if rss2 > rss+8<<10 {
		t.Errorf("it has grown from %d to %d kB", rss, rss2)
	}
	if hwm := s.StatusField(t, "VmHWM"); hwm > 64<<10 {
		t.Errorf("%d kB of memory under load", hwm)
	}
}

// BenchmarkServe is one client of the real server, through the Go HTTP client. Package imds
// compares the endpoint with a bare server.
func BenchmarkServe(b *testing.B) {
	w := harness.NewWorld(b)
	s := w.Serve(b, "--source-profile", "base", "--log-level", "error")
	bearer := s.Bearer(b)
	for b.Loop() {
		if a, err := harness.Request("GET", s.Base+"/credentials/default", "Authorization", bearer); err != nil || a.Status != 200 {
			b.Fatal(a.Status, err)
		}
	}
	if os.Geteuid() == 0 {
		b.ReportMetric(float64(s.StatusField(b, "VmHWM"))/1024, "MB")
	}
}
