package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/policy"
)

func TestCheckARNs(t *testing.T) {
	const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	name := func(n int) string { return "arn:aws:iam::123456789012:policy/" + strings.Repeat("n", n) }
	path := func(n int) string {
		s := "arn:aws:iam::123456789012:policy//x"
		return strings.Replace(s, "//", "/"+strings.Repeat("p", n-len(s))+"/", 1)
	}
	many := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("arn:aws:iam::123456789012:policy/p%d", i))
		}
		return out
	}
	for _, tt := range []struct {
		name string
		in   []string
		want string // "" is no error
	}{
		{"none", nil, ""},
		{"AWS's and one's own", []string{readOnly, "arn:aws-cn:iam::123456789012:policy/team/x+=,.@-_9", "arn:aws-us-gov:iam::aws:policy/job-function/ViewOnlyAccess"}, ""},
		{"nine", many(9), ""}, {"ten", many(10), ""}, {"eleven", many(11), "PolicyArns: 11 managed policies: STS takes at most 10"},
		{"twice", []string{readOnly, readOnly}, "PolicyArns[1]: \"" + readOnly + "\" is PolicyArns[0] already"},
		{"2047", []string{path(2047)}, ""}, {"2048", []string{path(2048)}, ""}, {"2049", []string{path(2049)}, "2049 characters"},
		{"19", []string{"arn:aws:iam::aws:po"}, "19 characters"},
		{"20", []string{"arn:aws:iam::aws:pol"}, "not a policy"},
		{"name 128", []string{name(128)}, ""}, {"name 129", []string{name(129)}, "1 to 128"},
		{"no name", []string{"arn:aws:iam::123456789012:policy/"}, "1 to 128"},
		{"name with blank", []string{"arn:aws:iam::123456789012:policy/a b"}, "1 to 128"},
		{"empty path part", []string{"arn:aws:iam::123456789012:policy//a"}, "path before"},
		{"role", []string{"arn:aws:iam::123456789012:role/admin"}, "not a policy"},
		{"wildcard account", []string{"arn:aws:iam::*:policy/ReadOnlyAccess"}, "neither twelve digits"},
		{"short account", []string{"arn:aws:iam::12345678901:policy/ReadOnlyAccess"}, "neither twelve digits"},
		{"region", []string{"arn:aws:iam:us-east-1:aws:policy/ReadOnlyAccess"}, "no region"},
		{"service", []string{"arn:aws:s3::123456789012:policy/x"}, "not iam"},
		{"partition", []string{"arn:moon:iam::aws:policy/ReadOnlyAccess"}, "partition"},
		{"partition of capitals", []string{"arn:aws-CN:iam::aws:policy/ReadOnlyAccess"}, "partition"},
		{"a name alone", []string{"ReadOnlyAccessForEverybody"}, "not an ARN"},
		{"all at once", []string{"x", "y", readOnly}, "and 1 more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := policy.CheckARNs(tt.in)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
