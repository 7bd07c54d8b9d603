//go:build !linux || otheros

package imds

import (
	"net"
	"time"
)

func limitUnacknowledged(net.Listener, time.Duration) bool { return false }
