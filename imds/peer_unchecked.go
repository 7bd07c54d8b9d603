//go:build (!linux || otheros) && (!peercheck || (!windows && !darwin))

package imds

const peerCheckSupported = false // see peer_checked.go
