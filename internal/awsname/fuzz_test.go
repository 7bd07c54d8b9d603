package awsname_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
)

// An endpoint that is taken sends nothing in the clear off this machine, and what is said of one that is
// refused can be shown.
func FuzzCheckEndpoint(f *testing.F) {
	for _, s := range []string{"https://sts.eu-west-1.amazonaws.com", "http://[::1]:1", "http://localhost.:1", "http://u:p@127.0.0.1", "http://127.0.0.1\\@evil", "http://[::ffff:1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		what, do := awsname.CheckEndpoint(s, false)
		if what != "" {
			if do == "" || display.Safe(what) != what {
				t.Fatalf("%q: %q; %q", s, what, do)
			}
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
			t.Fatalf("%q was taken: %v", s, err)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && !strings.EqualFold(u.Hostname(), "localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
			t.Fatalf("%q was taken", s)
		}
	})
}

// The parts of an ARN, put together, are the ARN.
func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/a:b")
	f.Add("arn:aws-cn:s3:::b")
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := awsname.ParseARN(s); ok && strings.Join([]string{"arn", a.Partition, a.Service, a.Region, a.Account, a.Resource}, ":") != s {
			t.Fatalf("%q is %+v", s, a)
		}
	})
}
