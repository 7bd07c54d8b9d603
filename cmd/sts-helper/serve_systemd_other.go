//go:build !linux

package main

import (
	"net"

	"github.com/sts-helper/sts-helper/imds"
)

// systemd is Linux's service manager; elsewhere there is none.
type systemd struct{}

func newSystemd() systemd { return systemd{} }

func (*systemd) listeners() ([]net.Listener, error) { return nil, nil }

func (*systemd) notify(string) {}

func (*systemd) reloading() {}

func (*systemd) notifyStatus([]imds.Status) {}
