//go:build (linux && !otheros) || (peercheck && (windows || darwin))

package imds

// peerCheckSupported says whether the system is asked whose socket is at the other end of a loopback connection. macOS
// and Windows are asked only with the build tag peercheck: until a machine of theirs has passed TestOtherUserGetsNothing
// (the workflow of this repository runs it there with the tag), the answer is not relied on, and --imds is refused.
const peerCheckSupported = true
