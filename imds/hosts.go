package imds

import "strings"

// defaultHosts are the Host headers of clients that were pointed at this machine's loopback, or at one
// of the two addresses that SDKs have built in. Names that merely resolve to loopback are not here: a
// web page can own such a name (DNS rebinding).
var defaultHosts = [...]string{"127.0.0.1", "[::1]", "localhost", "169.254.169.254", "169.254.170.2"}

// hostAllowed reports whether host is one of allowed, alone or followed by a colon and exactly port.
// Nothing is parsed, folded or trimmed: what is not on the list byte for byte is refused.
func hostAllowed(host, port string, allowed []string) bool {
	for _, a := range allowed {
		if !strings.HasPrefix(host, a) {
			continue
		}
		rest := host[len(a):]
		if rest == "" || port != "" && rest[0] == ':' && rest[1:] == port {
			return true
		}
	}
	return false
}
