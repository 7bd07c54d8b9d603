package imds

import (
	"net/http"
	"strings"
)

// A guard refuses what must never be routed. Guards are a list, and not a chain of ifs, so that a test
// can leave one out and see that the hostile requests then get through.
type guard struct {
	name string
	// conn decides by the connection alone, when it is accepted. It returns why not, or "".
	conn func(*servingState, *peer, *diag) string
	// request decides by one request. A status of 0 lets it through.
	request func(*servingState, *peer, *http.Request) (status int, why string)
}

// allGuards is in the order in which they are asked: who is there comes before what is said.
func allGuards() []guard {
	return []guard{
		{name: "address", conn: guardAddress},
		{name: "peer", conn: guardPeer},
		{name: "container", conn: guardContainer},
		{name: "form", request: guardForm},
		{name: "host", request: guardHost},
		{name: "browser", request: guardBrowser},
		{name: "forwarded", request: guardForwarded},
		{name: "body", request: guardBody},
	}
}

// guardAddress wants both ends of the connection on this machine. That is not implied by a loopback
// listener: with route_localnet set, Linux delivers packets for 127.0.0.1 that came over the network
// (CVE-2020-8558).
func guardAddress(s *servingState, p *peer, _ *diag) string {
	if p.valid && (s.local(p.local.Addr()) && s.local(p.remote.Addr()) || p.open && (s.cfg.AllowNonLoopback || s.podAddress(p.local.Addr()))) {
		return ""
	}
	return "the connection does not come from this machine's loopback"
}

// guardPeer wants the client's socket to belong to one of the users that may ask.
func guardPeer(s *servingState, p *peer, d *diag) string {
	if !s.cfg.checksPeers() {
		return ""
	}
	uid, inode, err := d.owner(p.remote, p.local)
	switch {
	case err == errNoSocket && p.open && p.valid && !s.local(p.remote.Addr()):
		return "" // it really is another machine; its bearer token must do
	case err == errOtherUser:
		return "the socket belongs to another user"
	case err != nil:
		return "the owner of the socket is not known: " + err.Error()
	case !s.uidAllowed(uid):
		return "the socket belongs to another user"
	}
	p.uid, p.inode, p.hasUID = uid, inode, true
	return ""
}

// guardContainer wants a client without a token to be a process like the server, if it runs as the server's own
// user: what is in a container or sandbox of that user, or comes through its network (slirp4netns), has
// nothing else to be told apart by. Other users were allowed one by one.
func guardContainer(s *servingState, p *peer, _ *diag) string {
	if !p.ecs || !p.hasUID || p.uid != s.euid {
		return ""
	}
	return sandboxed(p.inode, p.uid)
}

// guardForm wants the request target to be a path. With an absolute one ("GET http://host/") Go takes
// the host from there and forgets the Host header, so the two could not be told apart later; "*", and
// HTTP/2 prefaces that use it, and CONNECT have no path at all.
func guardForm(_ *servingState, _ *peer, r *http.Request) (int, string) {
	if strings.HasPrefix(r.RequestURI, "/") {
		return 0, ""
	}
	return http.StatusBadRequest, "the request target is not a path"
}

// guardHost refuses names that are not ours, which is what DNS rebinding needs, and no name at all.
func guardHost(s *servingState, p *peer, r *http.Request) (int, string) {
	hosts := s.hosts
	if p.ecs || s.cfg.Pods != nil {
		hosts = []string{p.literal}
	}
	if hostAllowed(r.Host, p.port, hosts) || p.open && p.literal != "" && hostAllowed(r.Host, p.port, []string{p.literal}) {
		return 0, ""
	}
	return http.StatusForbidden, "the Host header does not name this endpoint"
}

// guardBrowser refuses what only a web page sends, even if empty.
func guardBrowser(_ *servingState, _ *peer, r *http.Request) (int, string) {
	for k := range r.Header {
		if k == "Origin" || k == "Referer" || strings.HasPrefix(k, "Sec-Fetch-") {
			return http.StatusForbidden, "requests of web pages are refused"
		}
	}
	return 0, ""
}

// guardForwarded refuses what went through a proxy, even if the header is empty: a proxy lends its own
// place on loopback to strangers (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html).
func guardForwarded(_ *servingState, _ *peer, r *http.Request) (int, string) {
	for k := range r.Header {
		if k == "Forwarded" || k == "Via" || k == "X-Real-Ip" || strings.HasPrefix(k, "X-Forwarded-") {
			return http.StatusForbidden, "forwarded requests are refused"
		}
	}
	return 0, ""
}

// guardBody refuses request bodies: no client has a reason to send one, and a body whose end two
// parsers see in two places is how requests are smuggled.
func guardBody(_ *servingState, _ *peer, r *http.Request) (int, string) {
	if r.ContentLength == 0 {
		return 0, ""
	}
	return http.StatusBadRequest, "no request here has a body"
}
