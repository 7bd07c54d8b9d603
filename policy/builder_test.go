package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/policy"
)

const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

func TestBuilder(t *testing.T) {
	tests := []struct {
		name string
		b    *policy.Builder
		want string // the statements
	}{
		{"empty denies everything", policy.New(), `{"Effect":"Deny","Action":"*","Resource":"*"}`},
		{"no actions named is still empty", policy.New().Allow().Deny(), `{"Effect":"Deny","Action":"*","Resource":"*"}`},
		{"allow", policy.New().Allow("ec2:Describe*"), `{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}`},
		{"deny is its own statement", policy.New().Deny("ec2:DescribeImages").Allow("ec2:Describe*", "ec2:run_instances"),
			`{"Effect":"Allow","Action":["ec2:Describe*","ec2:RunInstances"],"Resource":"*"},{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}`},
		{"deny alone", policy.New().Deny("iam:*"), `{"Effect":"Deny","Action":"iam:*","Resource":"*"}`},
		{"twice appears once", policy.New().Allow("ec2:RunInstances", "ec2:run_instances").Allow("ec2:runinstances"),
			`{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}`},
		{"allowed and denied stays both", policy.New().Allow("s3:GetObject").Deny("s3:GetObject"),
			`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"},{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`},
		{"a resource never narrows a denial", policy.New().Allow("s3:*").Deny("s3:DeleteObject").Resource("arn:aws:s3:::b/*", "arn:aws:s3:::a", "arn:aws:s3:::a"),
			`{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::a","arn:aws:s3:::b/*"]},{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}`},
		{"a star among resources is all of them", policy.New().Allow("s3:*").Resource("arn:aws:s3:::b", "*"), `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`},
		{"everything", policy.New().Allow("*"), `{"Effect":"Allow","Action":"*","Resource":"*"}`},
		{"snake case", policy.New().Allow("iam:get_user", "ec2:describe_*", "s3:get_object", "ec2:monitor_instances"),
			`{"Effect":"Allow","Action":["ec2:Describe*","ec2:MonitorInstances","iam:GetUser","s3:GetObject"],"Resource":"*"}`},
		{"capitals are left alone", policy.New().Allow("iam:ListMFADevices", "EC2:runInstances"),
			`{"Effect":"Allow","Action":["EC2:runInstances","iam:ListMFADevices"],"Resource":"*"}`},
		{"lower case without underscore", policy.New().Allow("execute-api:invoke"), `{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}`},
		{"a resource with characters JSON escapes", policy.New().Allow("s3:*").Resource(`arn:aws:s3:::b/"\é漢`),
			`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/\"\\é\u6f22"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.b.Build()
			if err != nil {
				t.Fatal(err)
			}
			want := `{"Version":"2012-10-17","Statement":[` + tt.want + `]}`
			if p.String() != want || string(p.JSON()) != want || tt.b.String() != want {
				t.Errorf("got  %s\nwant %s", p, want)
			}
			again, err := policy.Parse(p.JSON())
			if err != nil || again.String() != want {
				t.Errorf("what was built does not parse to itself: %v, %s", err, again)
			}
		})
	}
}

// The same permissions are the same text in whatever order they were named: the text is part
// of what a cached token is found by.
func TestBuilderOrder(t *testing.T) {
	actions := []string{"s3:GetObject", "ec2:Describe*", "iam:GetUser", "ec2:describe_images"}
	want := policy.New().Allow(actions...).Deny("sqs:*", "sns:*").String()
	for range actions {
		actions = append(actions[1:], actions[0])
		if got := policy.New().Deny("sns:*", "sqs:*").Allow(actions...).String(); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestBuilderErrors(t *testing.T) {
	tests := []struct {
		name  string
		b     *policy.Builder
		wants []string
	}{
		{"no prefix", policy.New().Allow("DescribeImages"), []string{`action "DescribeImages" has no service prefix`}},
		{"empty", policy.New().Allow(""), []string{"a blank action"}},
		{"blank inside", policy.New().Deny("ec2: RunInstances"), []string{`deny: action "ec2: RunInstances" has a blank`}},
		{"no service", policy.New().Allow(":RunInstances"), []string{`action ":RunInstances" has no service`}},
		{"no name", policy.New().Allow("ec2:"), []string{`"ec2:*"`}},
		{"wildcard service", policy.New().Allow("*:Describe*"), []string{"wildcard in its service"}},
		{"comma list", policy.New().Allow("ec2:RunInstances,ec2:StopInstances"), []string{"a character that no action name has"}},
		{"not an ARN", policy.New().Allow("s3:*").Resource("my-bucket"), []string{`resource "my-bucket" is neither`}},
		{"resource narrows nothing", policy.New().Deny("s3:*").Resource("arn:aws:s3:::b"), []string{"narrows nothing"}},
		{"all at once", policy.New().Allow("a", "b").Deny("c"), []string{`allow: action "a"`, "2 more"}},
		{"too long", policy.New().Allow("ec2:" + strings.Repeat("A", 2000)), []string{"characters after compaction"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.b.Build()
			if err == nil || !p.IsZero() {
				t.Fatalf("built %s", p)
			}
			var e *policy.Error
			if !errors.As(err, &e) || len(e.Findings) == 0 {
				t.Fatalf("%T is no *policy.Error with findings", err)
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "line ") {
				t.Errorf("a built policy has no lines: %q", err)
			}
			if _, jsonErr := tt.b.JSON(); jsonErr == nil || strings.HasPrefix(tt.b.String(), "{") {
				t.Error("JSON or String gave a policy where Build refused")
			}
		})
	}
}

func TestEmptyPolicyIsNotNoPolicy(t *testing.T) {
	var none policy.Policy
	if !none.IsZero() || none.String() != "" || none.JSON() != nil || none.Pretty() != "" || none.Len() != 0 {
		t.Error("the zero Policy says something")
	}
	empty, err := policy.New().Build()
	if err != nil || empty.IsZero() || empty.String() != denyAll {
		t.Errorf("empty policy: %s, %v", empty, err)
	}
	if w := empty.Warnings(); len(w) != 1 || !strings.Contains(w[0].Message, "can do nothing") {
		t.Errorf("warnings %v", w)
	}
}

// The limit is tried one below, at it, and one above, with a builder and with a text.
func TestLength(t *testing.T) {
	base := policy.New().Allow("ec2:A").String()
	for _, tt := range []struct {
		length int
		ok     bool
	}{{policy.MaxLength - 1, true}, {policy.MaxLength, true}, {policy.MaxLength + 1, false}} {
		action := "ec2:A" + strings.Repeat("a", tt.length-len(base))
		p, err := policy.New().Allow(action).Build()
		if (err == nil) != tt.ok || (tt.ok && p.Len() != tt.length) {
			t.Errorf("builder, %d characters: %d, %v", tt.length, p.Len(), err)
		}
		// Blanks do not count, characters count and not bytes, and escapes are undone first.
		source := strings.Replace(base, `"ec2:A"`, ` [ "ec2:A", "ec2:Z" ] `, 1)
		source = strings.Replace(source, `"Resource":"*"`, `"Resource" : "arn:aws:s3:::\u00e9\/é`+strings.Repeat("é", tt.length-len(base)-len(`[,"ec2:Z"]`)-len("arn:aws:s3:::x/x")+1)+`"`, 1)
		p, err = policy.Parse([]byte(source))
		if (err == nil) != tt.ok || (tt.ok && p.Len() != tt.length) {
			t.Errorf("text, %d characters: %d, %v", tt.length, p.Len(), err)
		}
	}
}
