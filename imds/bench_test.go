package imds_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAgainstBareHandler puts the endpoint, with every guard on, and a net/http server that returns the
// same bytes and looks at nothing, in turn under the same load in one run: 50 connections that stay open.
// It reports each one's requests a second and 99th percentile, and their ratio.
func BenchmarkAgainstBareHandler(b *testing.B) {
	s := build(b, config(newFake(time.Hour)))
	ours := serve(b, s, "127.0.0.1:0")
	_, doc := do(b, "GET", ours, "/credentials/dev", "Authorization", bearer)
	bytes := []byte(doc)
	bare := mount(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes)
	}))
	tok := session(b, ours)
	for _, x := range []struct{ name, request string }{
		{"container", "GET /credentials/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nUser-Agent: bench\r\nAuthorization: " + bearer + "\r\n\r\n"},
		{"imds", "GET " + rolePath + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: bench\r\nX-aws-ec2-metadata-token: " + tok + "\r\n\r\n"},
	} {
		b.Run(x.name, func(b *testing.B) {
			var rate [2][]float64
			var p99 [2][]time.Duration
			const slice = 4000
			n := 0
			for b.Loop() {
				for i, addr := range []string{ours, bare} {
					r, p := hammer(b, addr, x.request, 50, slice)
					rate[i], p99[i] = append(rate[i], r), append(p99[i], p)
				}
				n++
			}
			mid := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			midD := func(v []time.Duration) float64 { slices.Sort(v); return float64(v[len(v)/2].Microseconds()) }
			b.ReportMetric(mid(rate[0]), "req/s")
			b.ReportMetric(mid(rate[1]), "bare-req/s")
			b.ReportMetric(mid(rate[0])/mid(rate[1]), "ratio")
			b.ReportMetric(midD(p99[0]), "p99-us")
			b.ReportMetric(midD(p99[1]), "bare-p99-us")
			b.ReportMetric(0, "ns/op")
		})
	}
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
