package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sts-helper/sts-helper/imds"
)

// systemd is the service manager, if there is one: it may pass sockets, and wants to know
// how the service fares (sd_listen_fds(3), sd_notify(3)).
type systemd struct {
	watchdog time.Duration
	alive    time.Time // of the last keep-alive message
	status   string
}

func newSystemd() systemd {
	interval, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		interval = 0
	}
	return systemd{watchdog: interval}
}

// listeners are the sockets that were passed to this process.
func (*systemd) listeners() ([]net.Listener, error) {
	var all []net.Listener
	for _, f := range activation.Files(true) {
		ln, err := net.FileListener(f)
		_ = f.Close()
		if err == nil {
			if _, ok := ln.Addr().(*net.TCPAddr); !ok {
				_ = ln.Close()
				err = errors.New("it is not a TCP socket")
			}
		}
		if err != nil {
			for _, ln := range all {
				_ = ln.Close()
			}
			return nil, fmt.Errorf("the socket %s that was passed cannot be listened on: %w", f.Name(), err)
		}
		all = append(all, ln)
	}
	return all, nil
}

func (*systemd) notify(state string) { _, _ = daemon.SdNotify(false, state) }

func (s *systemd) reloading() {
	s.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// notifyStatus reports that the server is alive, and how the profiles fare where that has changed.
func (s *systemd) notifyStatus(profiles []imds.Status) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	if s.watchdog > 0 && time.Since(s.alive) >= s.watchdog/3 {
		s.alive = time.Now()
		s.notify(daemon.SdNotifyWatchdog)
	}
	var words []string
	for _, p := range profiles {
		word := "no credentials"
		switch {
		case p.Ready:
			word = "until " + p.Expires.UTC().Format("2006-01-02 15:04 UTC")
		case p.LoginRequired:
			word = "login required"
		}
		words = append(words, p.Name+": "+word)
	}
	if status := strings.Join(words, "; "); status != s.status {
		s.status = status
		s.notify("STATUS=" + status)
	}
}
