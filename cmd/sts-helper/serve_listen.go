package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// listen gives the listeners that systemd passed and those of --listen; with neither, the
// default one.
func (e *endpoint) listen(ctx context.Context) ([]net.Listener, error) {
	listeners, err := e.systemd.listeners()
	if err != nil {
		return nil, &failure.Error{Class: failure.Configuration, Text: err.Error(), Err: err}
	}
	addresses := e.flags.listen
	if len(addresses) == 0 && len(listeners) == 0 {
		addresses = []string{defaultListen}
		if e.agent != nil {
			addresses = []string{podListen}
		}
	}
	if passed := func(ln net.Listener) bool { return ln.Addr().String() == ecsAddress.String() }; e.flags.ecs != "" && !slices.ContainsFunc(listeners, passed) {
		addresses = append(slices.Clip(addresses), ecsAddress.String())
	}
	for _, a := range addresses {
		ln, err := e.srv.Listen(ctx, a)
		if err != nil {
			for _, ln := range listeners {
				_ = ln.Close()
			}
			return nil, listenError(a, err)
		}
		listeners = append(listeners, ln)
	}
	for _, ln := range listeners {
		e.log.Info("listening", "address", ln.Addr().String())
	}
	return listeners, nil
}

func listenError(address string, err error) error {
	e := failure.Configf("%s", err)
	e.Err = err
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		e.Text = "something listens on " + address + " already"
		e.Next = "name another port with --listen"
		a, perr := netip.ParseAddrPort(address)
		if perr != nil {
			break
		}
		if who, _ := listeningOn(a); who != nil {
			e.Text = who.String() + " listens on " + address + " already"
			if !who.ours() {
				e.Next += ", or let systemd hold this one; clients that still have the address send their token there"
			}
		}
		switch { // clients know no other port
		case slices.Contains(podListens[:], address):
			e.Next = "end that first: pods ask at this address alone, and EKS's own agent has it too"
		case address == ecsAddress.String():
			e.Next = "end that first: programs that know a path alone ask at this address"
		}
	case errors.Is(err, syscall.EACCES):
		e.Text = "this user may not listen on " + address
		e.Next = "a port from 1024 on will do, or systemd can pass the socket"
		if address == ecsAddress.String() {
			e.Next = "clients know no other port: let systemd pass the socket, or permit it with: sysctl net.ipv4.ip_unprivileged_port_start=80"
		}
		if slices.Contains(podListens[:], address) {
			e.Next = "clients know no other port: run it as root with the capability NET_BIND_SERVICE, as the DaemonSet of packaging/kubernetes does"
		}
	case errors.Is(err, syscall.EADDRNOTAVAIL) && slices.Contains(podListens[:], address):
		e.Text = "this node does not have the address of " + address
		e.Next, e.Run = "give it the address, as root", "sts-helper node-address"
	case errors.Is(err, imds.ErrNotLoopback):
		e.Next = "an address of the loopback device needs --loopback-alias"
	}
	return e
}
