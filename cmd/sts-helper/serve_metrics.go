package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/mfa"
)

// serveMetrics counts what happens at the endpoint. Labels come from small fixed sets and
// from the names of profiles, never from requests.
type serveMetrics struct {
	set      *metrics.Set
	requests sync.Map // of requestLabels to *requestMetrics
}

type requestLabels struct {
	route, profile, guard string
	status                int
}

type requestMetrics struct {
	count *metrics.Counter
	took  *metrics.Histogram
}

func newServeMetrics() *serveMetrics {
	return &serveMetrics{set: metrics.NewSet()}
}

func (m *serveMetrics) observe(ev imds.Event) {
	switch ev.Kind {
	case imds.EventRequest:
		m.request(requestLabels{ev.Route, ev.Profile, ev.Guard, ev.Status}, ev.Duration)
	case imds.EventConn:
		m.set.GetOrCreateCounter(fmt.Sprintf("sts_helper_connections_refused_total{guard=%q}", ev.Guard)).Inc()
	case imds.EventFetch:
		result := "ok"
		switch {
		case ev.Login:
			result = "login_required"
		case ev.Err != nil:
			result = "error"
		}
		m.set.GetOrCreateCounter(fmt.Sprintf("sts_helper_fetches_total{profile=%q,result=%q}", ev.Profile, result)).Inc()
	}
}

func (m *serveMetrics) request(l requestLabels, took time.Duration) {
	v, ok := m.requests.Load(l)
	if !ok {
		v, _ = m.requests.LoadOrStore(l, &requestMetrics{
			count: m.set.GetOrCreateCounter(fmt.Sprintf("sts_helper_requests_total{route=%q,profile=%q,status=%q,guard=%q}",
				l.route, l.profile, strconv.Itoa(l.status), l.guard)),
			took: m.set.GetOrCreateHistogram(fmt.Sprintf("sts_helper_request_duration_seconds{route=%q}", l.route)),
		})
	}
	r := v.(*requestMetrics)
	r.count.Inc()
	r.took.Update(took.Seconds())
}

// handler answers GET /metrics. What is there is no secret, but no business of web pages
// either.
func (m *serveMetrics) handler(srv *imds.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !loopbackHost(r.Host) || fromBrowser(r.Header):
			http.Error(w, "refused", http.StatusForbidden)
			return
		case r.URL.Path != "/metrics":
			http.Error(w, "only /metrics is here", http.StatusNotFound)
			return
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for _, s := range srv.Status() {
			ready, expires := 0.0, 0.0
			if s.Ready {
				ready = 1
			}
			if !s.Expires.IsZero() {
				expires = float64(s.Expires.Unix())
			}
			metrics.WriteGaugeFloat64(w, fmt.Sprintf("sts_helper_ready{profile=%q}", s.Name), ready)
			metrics.WriteGaugeFloat64(w, fmt.Sprintf("sts_helper_credentials_expiry_timestamp_seconds{profile=%q}", s.Name), expires)
		}
		m.set.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
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

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

// loopbackListener listens for metrics.
func loopbackListener(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if err == nil {
		var ip netip.Addr
		if ip, err = netip.ParseAddr(host); err == nil && !ip.IsLoopback() {
			return nil, usageError{fmt.Errorf("--metrics-listen: %s is not a loopback address", mfa.Safe(addr))}
		}
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--metrics-listen: want an address and a port, such as 127.0.0.1:9912, not %q", mfa.Safe(addr))}
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, listenError(addr, err)
	}
	return ln, nil
}
