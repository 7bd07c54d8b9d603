package broker

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/token"
)

// A note names a record and the login whose it is: of any other record, or another login's content, there is none. The
// user may have been logged in as another one while the record was made.
func TestRecordIsOfTheLoginThatIsNoted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "login.json")
	p, err := New(&request.Request{Name: "app", Operation: "AssumeRole", RoleARN: "arn:aws:iam::111122223333:role/app", Region: "eu-west-1", Partition: "aws",
		Source: request.Source{Kind: request.SourceSSO, Profile: "corp", Login: &request.Login{File: file}}, CallOptions: request.CallOptions{CacheDir: filepath.Join(t.TempDir(), "cache")}}, Options{NonInteractive: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Cache()
	if err != nil {
		t.Fatal(err)
	}
	const mine, others = "ASIAALICE0000000000A", "ASIABOB00000000000AB"
	alice, bob := token.Principal{ID: "A", ARN: "alice"}, token.Principal{ID: "B", ARN: "bob"}
	known := sourceState{Login: source.LoginIn(c, file, []byte("alice's")).Login, KeyID: mine, ID: alice.ID, ARN: alice.ARN}
	nameless := known
	nameless.ID, nameless.ARN = "", ""
	for _, tc := range []struct {
		what    string
		of      *Provider
		key     string
		signer  *token.Principal
		known   sourceState
		content string
		want    bool
	}{
		{"a role", p, others, &alice, known, "alice's", true},
		{"another's role", p, others, &bob, known, "alice's", false},
		{"a role of nobody", p, others, nil, known, "alice's", false},
		{"a role, and it is not known whose the login is", p, others, &token.Principal{}, nameless, "alice's", false},
		{"a role, and another login", p, others, &alice, known, "bob's", false},
		{"a role, and nothing is known", p, others, &alice, sourceState{}, "alice's", false},
		{"the source's", p.base, mine, nil, nameless, "alice's", true},
		{"another's", p.base, others, nil, known, "alice's", false},
		{"the source's, and another login", p.base, mine, nil, known, "bob's", false},
	} {
		p.root().saveState(tc.known)
		tok := token.Token{Operation: token.Operation(tc.of.req.Operation), Signer: tc.signer, Credentials: token.Credentials{
			AccessKeyID: tc.key, SecretAccessKey: "CANARY", SessionToken: "CANARY", CanExpire: true, Expires: time.Now().Add(time.Hour)}}
		if err := c.Store(tc.of.key, tok, false); err != nil {
			t.Fatal(err)
		}
		r, _ := c.RecordFile(tc.of.key)
		if r == nil {
			t.Fatal("no record")
		}
		if got := p.IsOf(r, []byte(tc.content)); got != tc.want {
			t.Errorf("%s: %v", tc.what, got)
		}
	}
}
