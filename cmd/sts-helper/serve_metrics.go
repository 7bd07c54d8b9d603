package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
)

// serveMetrics counts what happens at the endpoint, and writes it in Prometheus's text
// format (https://prometheus.io/docs/instrumenting/exposition_formats/). Labels come from
// small fixed sets and from the names of profiles, never from requests.
//
// The libraries for this take 0.1 ms and more of every start of the program, most of which
// have no server to count for, and the small ones write histograms in a form of their own.
type serveMetrics struct {
	start    time.Time
	requests sync.Map // of requestLabels to *atomic.Uint64
	refused  sync.Map // of a guard's name to *atomic.Uint64
	fetches  sync.Map // of fetchLabels to *atomic.Uint64
	took     [len(routes)]histogram
}

type requestLabels struct {
	route, profile, guard string
	status                int
}

type fetchLabels struct{ profile, result string }

// routes are those of [imds.Event].
var routes = [...]string{"container", "token", "metadata", "health", "other"}

// tookUpTo are the upper bounds of the buckets for the time of an answer, in seconds.
var tookUpTo = [...]float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 0.25, 1}

type histogram struct {
	buckets [len(tookUpTo) + 1]atomic.Uint64
	sum     atomic.Uint64 // nanoseconds
}

func newServeMetrics() *serveMetrics { return &serveMetrics{start: time.Now()} }

func (m *serveMetrics) observe(ev imds.Event) {
	switch ev.Kind {
	case imds.EventRequest:
		count(&m.requests, requestLabels{ev.Route, ev.Profile, ev.Guard, ev.Status})
		if i := slices.Index(routes[:], ev.Route); i >= 0 {
			m.took[i].observe(ev.Duration)
		}
	case imds.EventConn:
		count(&m.refused, ev.Guard)
	case imds.EventFetch:
		result := "ok"
		switch {
		case ev.Login:
			result = "login_required"
		case ev.Err != nil:
			result = "error"
		}
		count(&m.fetches, fetchLabels{ev.Profile, result})
	}
}

func count(counters *sync.Map, labels any) {
	c, ok := counters.Load(labels)
	if !ok {
		c, _ = counters.LoadOrStore(labels, new(atomic.Uint64))
	}
	c.(*atomic.Uint64).Add(1)
}

func (h *histogram) observe(d time.Duration) {
	i, _ := slices.BinarySearch(tookUpTo[:], d.Seconds())
	h.buckets[i].Add(1)
	h.sum.Add(uint64(d))
}

// write writes everything that was counted, and how the profiles fare.
func (m *serveMetrics) write(w *bytes.Buffer, profiles []imds.Status) {
	family := func(name, kind, help string) { fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	family("sts_helper_requests_total", "counter", "Answers given, by route, profile, status and the guard that refused.")
	each(&m.requests, w, func(l requestLabels) string {
		return fmt.Sprintf("sts_helper_requests_total{route=%q,profile=%q,status=\"%d\",guard=%q}", l.route, l.profile, l.status, l.guard)
	})
	family("sts_helper_connections_refused_total", "counter", "Connections closed before a byte was read, by guard.")
	each(&m.refused, w, func(guard string) string {
		return fmt.Sprintf("sts_helper_connections_refused_total{guard=%q}", guard)
	})
	family("sts_helper_fetches_total", "counter", "Times the credentials were looked for, by profile and result.")
	each(&m.fetches, w, func(l fetchLabels) string {
		return fmt.Sprintf("sts_helper_fetches_total{profile=%q,result=%q}", l.profile, l.result)
	})
	family("sts_helper_request_duration_seconds", "histogram", "Time from a request's headers to its answer, by route.")
	for i, route := range routes {
		m.took[i].write(w, route)
	}
	gauge := func(name, help string, value func(imds.Status) (n int64, ok bool)) {
		family(name, "gauge", help)
		for _, p := range profiles {
			if n, ok := value(p); ok {
				fmt.Fprintf(w, "%s{profile=%q} %d\n", name, p.Name, n)
			}
		}
	}
	gauge("sts_helper_ready", "1 if there are credentials to answer with.",
		func(p imds.Status) (int64, bool) { return number(p.Ready), true })
	gauge("sts_helper_login_required", "1 if the user must log in before there can be new credentials.",
		func(p imds.Status) (int64, bool) { return number(p.LoginRequired), true })
	gauge("sts_helper_credentials_expiry_timestamp_seconds", "When the credentials end; absent if there never were any.",
		func(p imds.Status) (int64, bool) { return p.Expires.Unix(), !p.Expires.IsZero() })
	family("process_start_time_seconds", "gauge", "When the server was started.")
	fmt.Fprintf(w, "process_start_time_seconds %d\n", m.start.Unix())
	family("go_goroutines", "gauge", "Goroutines that exist.")
	fmt.Fprintf(w, "go_goroutines %d\n", runtime.NumGoroutine())
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// each writes the series of one family in order.
func each[L any](counters *sync.Map, w *bytes.Buffer, name func(L) string) {
	var lines []string
	counters.Range(func(labels, c any) bool {
		lines = append(lines, fmt.Sprintf("%s %d\n", name(labels.(L)), c.(*atomic.Uint64).Load()))
		return true
	})
	slices.Sort(lines)
	for _, l := range lines {
		w.WriteString(l)
	}
}

func (h *histogram) write(w *bytes.Buffer, route string) {
	total := uint64(0)
	for i := range h.buckets {
		le := "+Inf"
		if i < len(tookUpTo) {
			le = fmt.Sprintf("%g", tookUpTo[i])
		}
		total += h.buckets[i].Load()
		fmt.Fprintf(w, "sts_helper_request_duration_seconds_bucket{route=%q,le=%q} %d\n", route, le, total)
	}
	fmt.Fprintf(w, "sts_helper_request_duration_seconds_sum{route=%q} %g\n", route, time.Duration(h.sum.Load()).Seconds())
	fmt.Fprintf(w, "sts_helper_request_duration_seconds_count{route=%q} %d\n", route, total)
}

// handler answers GET /metrics. What is there is no secret, but no business of web pages
// either.
func (m *serveMetrics) handler(srv *imds.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !loopbackHost(r.RemoteAddr) || !loopbackHost(r.Host) || fromBrowser(r.Header):
			http.Error(w, "refused", http.StatusForbidden)
		case r.URL.Path != "/metrics":
			http.Error(w, "only /metrics is here", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			var b bytes.Buffer
			m.write(&b, srv.Status())
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			_, _ = w.Write(b.Bytes())
		}
	})
}

func fromBrowser(h http.Header) bool {
	for k := range h {
		if k == "Origin" || k == "Referer" || strings.HasPrefix(k, "Sec-Fetch-") {
			return true
		}
	}
	return false
}

// loopbackHost is awsname.IsLoopback of a host that may have a port behind it.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return awsname.IsLoopback(host)
}

// loopbackListener listens for metrics.
func loopbackListener(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	_, notAddress := netip.ParseAddr(host)
	switch {
	case err == nil && awsname.IsLoopback(host):
		if notAddress != nil {
			host = "127.0.0.1" // no name is looked up
		}
	case err == nil && notAddress == nil:
		return nil, usageError{fmt.Errorf("--metrics-listen: %s is not a loopback address", display.Safe(addr))}
	default:
		return nil, usageError{fmt.Errorf("--metrics-listen: want an address and a port, such as 127.0.0.1:9912, not %s", display.Quote(addr))}
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, listenError(addr, err)
	}
	return ln, nil
}
