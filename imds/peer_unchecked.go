//go:build !linux && (!peercheck || (!windows && !darwin))

package imds

const peerCheckSupported = false // see peer_checked.go
