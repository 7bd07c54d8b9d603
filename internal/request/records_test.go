package request_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// store keeps a token for each request, and those it is based on.
func store(t *testing.T, c *cache.Cache, requests ...*request.Request) {
	t.Helper()
	for _, r := range requests {
		for ; r != nil; r = r.Base {
			err := c.Store(request.KeyOf(r), token.Token{Operation: token.Operation(r.Operation), Issued: time.Now(), Credentials: token.Credentials{
				AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYsession", CanExpire: true, Expires: time.Now().Add(time.Hour),
			}}, false)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func openCache(t *testing.T) *cache.Cache {
	t.Helper()
	c, err := cache.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func session(change ...func(*request.Request)) *request.Request {
	r := &request.Request{Operation: "GetSessionToken", Region: "eu-west-1", Partition: "aws", SerialNumber: "arn:aws:iam::111122223333:mfa/alice",
		Source: request.Source{Kind: request.SourceStatic, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}}
	for _, f := range change {
		f(r)
	}
	return r
}

func role(base *request.Request, change ...func(*request.Request)) *request.Request {
	r := &request.Request{Operation: "AssumeRole", Region: base.Region, Partition: base.Partition, Endpoint: base.Endpoint,
		RoleARN: "arn:aws:iam::111122223333:role/deploy", RoleSessionName: "alice", Base: base}
	for _, f := range change {
		f(r)
	}
	return r
}

func in(region string) func(*request.Request) { return func(r *request.Request) { r.Region = region } }

// A request's records are those that differ in where STS was asked and in the session's name,
// and in nothing that changes whose the token is or what it may do.
func TestEquivalentRecords(t *testing.T) {
	same := map[string]*request.Request{
		", made with region us-east-1":                           role(session(), in("us-east-1")),
		", made with endpoint http://127.0.0.1:1":                role(session(), func(r *request.Request) { r.Endpoint = "http://127.0.0.1:1" }),
		", made with fips true, dual stack true":                 role(session(), func(r *request.Request) { r.FIPS, r.DualStack = true, true }),
		", made with region cn-north-1":                          role(session(), func(r *request.Request) { r.Region, r.Partition = "cn-north-1", "aws-cn" }),
		", made with role session name b\\x1bob":                 role(session(), func(r *request.Request) { r.RoleSessionName = "b\x1bob" }),
		", made with no role session name":                       role(session(), func(r *request.Request) { r.RoleSessionName = "" }),
		", made with region us-west-2":                           role(session(in("us-west-2"))),
		", made with region eu-north-1, endpoint http://[::1]:1": role(session(in("eu-north-1"), func(r *request.Request) { r.Endpoint = "http://[::1]:1" })),
		", made with region us-west-1, role session name carol":  role(session(in("eu-north-1")), func(r *request.Request) { r.Region, r.RoleSessionName = "us-west-1", "carol" }),
	}
	others := map[string]*request.Request{
		"another role":           role(session(), func(r *request.Request) { r.RoleARN += "x" }),
		"another external id":    role(session(), func(r *request.Request) { r.ExternalID = "42" }),
		"another duration":       role(session(), func(r *request.Request) { r.Duration = time.Hour }),
		"another device":         role(session(func(r *request.Request) { r.SerialNumber += "x" })),
		"no device":              role(session(func(r *request.Request) { r.SerialNumber = "" })),
		"another key":            role(session(func(r *request.Request) { r.Source.AccessKeyID = "AKIAIOSFODNN7EXAMPLF" })),
		"no base":                role(session(), func(r *request.Request) { r.Base, r.Source = nil, session().Source }),
		"one role more":          role(role(session())),
		"its own base":           session(),
		"another, and elsewhere": role(session(in("us-east-1"), func(r *request.Request) { r.SerialNumber += "x" }), in("us-east-1")),
	}
	c := openCache(t)
	for _, r := range same {
		store(t, c, r)
	}
	for _, r := range others {
		store(t, c, r)
	}
	index, err := request.IndexRecords(c)
	if err != nil {
		t.Fatal(err)
	}
	mine := role(session())
	got := index.Equivalent(mine)
	if got[0] != request.KeyOf(mine).String() {
		t.Error("its own record, which does not exist, is not the first")
	}
	var want []string
	for diff, r := range same {
		name := request.KeyOf(r).String()
		want = append(want, name)
		if !slices.Contains(got, name) {
			t.Errorf("the record %q is missing", diff)
		}
		if d := request.DiffLocation(index[name], mine); d != diff {
			t.Errorf("got %q, want %q", d, diff)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got[1:], want) {
		for what, r := range others {
			if slices.Contains(got, request.KeyOf(r).String()) {
				t.Errorf("%s is taken for the same", what)
			}
		}
		t.Errorf("%d records, want %d", len(got)-1, len(want))
	}
	if d := request.DiffLocation(request.KeyOf(mine).Inputs(), mine); d != "" {
		t.Errorf("it differs from itself: %q", d)
	}
}

// A role is recognised when the session it was made with has been removed already, as long as
// both were asked for in one place.
func TestEquivalentRecordsWithoutTheirBase(t *testing.T) {
	for name, tc := range map[string]struct {
		of   *request.Request
		want bool
	}{
		"in another region":                {role(session(in("us-east-1"))), true},
		"after a role":                     {role(role(session(in("us-east-1")))), false},
		"another device in another region": {role(session(in("us-east-1"), func(r *request.Request) { r.SerialNumber += "x" })), false},
		"session asked elsewhere":          {role(session(in("us-east-1")), in("us-west-2")), false},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCache(t)
			top := *tc.of
			store(t, c, &top)
			for b := top.Base; b != nil; b = b.Base {
				if err := c.Delete(request.KeyOf(b).String()); err != nil {
					t.Fatal(err)
				}
			}
			index, err := request.IndexRecords(c)
			if err != nil {
				t.Fatal(err)
			}
			if got := index.Equivalent(role(session())); slices.Contains(got, request.KeyOf(tc.of).String()) != tc.want {
				t.Errorf("want %v, got %q", tc.want, got)
			}
		})
	}
}
