//go:build !linux

package nodeagent

import (
	"errors"
	"net/netip"
)

// AddAddresses is there on Linux alone.
func AddAddresses([]netip.Addr) (string, error) {
	return "", errors.New("nodes of Kubernetes that this is for run Linux")
}
