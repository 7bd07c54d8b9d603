//go:build unix

package imds_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAgainstBareHandler puts the endpoint, with every guard on, and a net/http server that returns the
// same bytes and looks at nothing, in turn under the same load in one run: 50 connections that stay open.
// It reports each one's requests a second and 99th percentile, their ratio, and the same ratio by the processor
// time spent (client included for both), which other programs on the machine disturb less.
func BenchmarkAgainstBareHandler(b *testing.B) {
	s := build(b, config(newFake(time.Hour)))
	ours := serve(b, s, "127.0.0.1:0")
	_, doc := do(b, "GET", ours, "/credentials/dev", "Authorization", bearer)
	bytes := []byte(doc)
	bare := bareServer(b, bytes)
	tok := session(b, ours)
	for _, x := range []struct{ name, request string }{
		{"container", "GET /credentials/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nUser-Agent: bench\r\nAuthorization: " + bearer + "\r\n\r\n"},
		{"imds", "GET " + rolePath + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: bench\r\nX-aws-ec2-metadata-token: " + tok + "\r\n\r\n"},
	} {
		b.Run(x.name, func(b *testing.B) {
			var rate [2][]float64
			var p99 [2][]time.Duration
			var cpu [2][]float64
			const slice = 4000
			n := 0
			for b.Loop() {
				for j := range 2 {
					i := (n + j) % 2 // neither always comes after the other
					addr := [2]string{ours, bare}[i]
					before := cpuTime(b)
					r, p := hammer(b, addr, x.request, 50, slice)
					cpu[i] = append(cpu[i], (cpuTime(b) - before).Seconds())
					rate[i], p99[i] = append(rate[i], r), append(p99[i], p)
				}
				n++
			}
			mid := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			midD := func(v []time.Duration) float64 { slices.Sort(v); return float64(v[len(v)/2].Microseconds()) }
			b.ReportMetric(mid(rate[0]), "req/s")
			b.ReportMetric(mid(rate[1]), "bare-req/s")
			b.ReportMetric(mid(rate[0])/mid(rate[1]), "ratio")
			b.ReportMetric(mid(cpu[1])/mid(cpu[0]), "cpu-ratio")
			b.ReportMetric(midD(p99[0]), "p99-us")
			b.ReportMetric(midD(p99[1]), "bare-p99-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bareServer looks at nothing, limits nothing, and writes the same headers and body.
func bareServer(b *testing.B, bytes []byte) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(bytes)
	})}
	go func() { _ = hs.Serve(ln) }()
	b.Cleanup(func() { _ = hs.Close() })
	return ln.Addr().String()
}

// cpuTime is what this process has used up to now.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// hammer sends n requests over conns connections and gives requests a second and the 99th percentile.
func hammer(b *testing.B, addr, request string, conns, n int) (float64, time.Duration) {
	all := make([]net.Conn, conns)
	for i := range all {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		all[i] = c
	}
	took := make([][]time.Duration, conns)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	begin := time.Now()
	for i, c := range all {
		wg.Go(func() {
			r := bufio.NewReaderSize(c, 8<<10)
			for left.Add(-1) >= 0 {
				at := time.Now()
				if _, err := io.WriteString(c, request); err != nil {
					b.Error(err)
					return
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil || resp.StatusCode != 200 {
					b.Error("no answer", err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	d := time.Since(begin)
	flat := slices.Concat(took...)
	slices.Sort(flat)
	return float64(len(flat)) / d.Seconds(), flat[len(flat)*99/100]
}
