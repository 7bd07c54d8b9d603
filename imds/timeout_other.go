//go:build !linux

package imds

import (
	"net"
	"time"
)

func limitUnacknowledged(net.Listener, time.Duration) bool { return false }
