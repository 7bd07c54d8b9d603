package awsname

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// maxEndpoint bounds an endpoint's URL, in bytes.
const maxEndpoint = 2048

// CheckEndpoint says what is wrong with the URL of an AWS service's endpoint, and what to do about it;
// both are "" where nothing is. https is for every host; http for this machine only, unless it is
// allowed: a request is signed, but its answer may be credentials in the clear. No name is looked up.
// Neither text repeats the URL, which may hold a password, beyond its scheme and host.
func CheckEndpoint(endpoint string, allowHTTP bool) (what, do string) {
	const example = "write it like https://sts.eu-west-1.amazonaws.com"
	u, err := url.Parse(endpoint)
	switch {
	case len(endpoint) > maxEndpoint || !display.Printable(endpoint):
		return "is not plain text", example
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return "is not a URL", example
	case u.User != nil:
		return "has a user name in it", "remove it: requests are signed"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has a query or fragment in it", "remove it"
	case u.Scheme == "https":
	case u.Scheme != "http":
		return "has the scheme " + display.Quote(u.Scheme) + ", which is neither https nor http", example
	case !allowHTTP && !IsLoopback(u.Hostname()):
		return display.Quote("http://"+u.Host) + " would send credentials unencrypted", "use https, or http with a loopback host"
	}
	return "", ""
}

// GlobalSTS reports whether STS is asked at its global endpoint, which serves no region of its own and does not
// have every operation: by its URL, "" where none is configured, or by the region.
func GlobalSTS(endpoint, region string) bool {
	if endpoint == "" {
		return region == "aws-global"
	}
	u, err := url.Parse(endpoint)
	return err == nil && strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), "sts.amazonaws.com")
}

// IsLoopback reports whether a host is this machine: "localhost", in any case, or an address of the
// loopback network, with or without brackets. Other names are not, wherever they lead; neither is
// "localhost.": package net does not find it in the hosts file, and asks DNS.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
