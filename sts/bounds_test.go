package sts_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// valid gives a request of each operation with which nothing is wrong.
func valid(op token.Operation) sts.Request {
	switch op {
	case token.GetSessionToken:
		return sts.Request{Operation: token.GetSessionToken}
	case token.GetFederationToken:
		return sts.Request{Operation: token.GetFederationToken, Name: "alice"}
	case token.AssumeRole:
		return sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build"}
	case token.AssumeRoleWithWebIdentity:
		return sts.Request{Operation: token.AssumeRoleWithWebIdentity, RoleArn: roleArn, RoleSessionName: "build", WebIdentityToken: jwt}
	case token.AssumeRoleWithSAML:
		return sts.Request{Operation: token.AssumeRoleWithSAML, RoleArn: roleArn, PrincipalArn: "arn:aws:iam::111122223333:saml-provider/idp", SAMLAssertion: saml}
	case token.AssumeRoot:
		return sts.Request{Operation: token.AssumeRoot, TargetPrincipal: account, TaskPolicyArn: "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
	case token.GetScopedCredentials:
		return sts.Request{Operation: token.GetScopedCredentials, Duration: time.Hour, Policy: "{}"}
	case token.GetWebIdentityToken:
		return sts.Request{Operation: token.GetWebIdentityToken, Audience: []string{"https://example.com"}, SigningAlgorithm: "ES384"}
	}
	panic(op)
}

var operations = []token.Operation{token.GetSessionToken, token.GetFederationToken, token.AssumeRole,
	token.AssumeRoleWithWebIdentity, token.AssumeRoleWithSAML, token.AssumeRoot, token.GetScopedCredentials, token.GetWebIdentityToken}

// text makes a value of n characters that keeps every rule of field but, perhaps, its bounds.
func text(field string, c stsfield.Charset, n int) string {
	prefix, fill := "", "a"
	switch {
	case c == stsfield.Digits:
		fill = "7"
	case field == "RoleArn":
		prefix = "arn:aws:iam::111122223333:role/"
		// A role's name has at most 64 characters; its path takes the rest.
		if rest := n - len(prefix); rest > 64 {
			return prefix + strings.Repeat("p", rest-2) + "/r"
		}
	case field == "PrincipalArn":
		prefix = "arn:aws:iam::111122223333:saml-provider/"
	case field == "PolicyArns[]":
		prefix = "arn:aws:iam::aws:policy/"
	case c == stsfield.PolicyChars, c == stsfield.TagChars:
		fill = "\u00e9" // counted in characters, not bytes
	}
	if n < len(prefix) {
		return prefix[:max(n, 0)]
	}
	return prefix + strings.Repeat(fill, n-len(prefix))
}

// with is the request with one field set to something of size n.
func with(r sts.Request, b stsfield.Bound, n int) sts.Request {
	set := func(name string, x any) { reflect.ValueOf(&r).Elem().FieldByName(name).Set(reflect.ValueOf(x)) }
	s := text(b.Field, b.Charset, n)
	key := func(i int) sts.Tag { return sts.Tag{Key: fmt.Sprint("key", i)} }
	switch b.Field {
	case "DurationSeconds":
		set("Duration", time.Duration(n)*time.Second)
	case "PolicyArns":
		var l []string
		for i := range n {
			l = append(l, fmt.Sprint("arn:aws:iam::aws:policy/p", i))
		}
		set("PolicyArns", l)
	case "PolicyArns[]":
		set("PolicyArns", []string{s})
	case "Tags":
		var l []sts.Tag
		for i := range n {
			l = append(l, key(i))
		}
		set("Tags", l)
	case "Tags[].Key":
		set("Tags", []sts.Tag{{Key: s}})
	case "Tags[].Value":
		set("Tags", []sts.Tag{{Key: "k", Value: s}})
	case "TransitiveTagKeys":
		var tags []sts.Tag
		var l []string
		for i := range n {
			l = append(l, key(i).Key)
			if i < 50 {
				tags = append(tags, key(i))
			}
		}
		set("Tags", tags)
		set("TransitiveTagKeys", l)
	case "TransitiveTagKeys[]":
		set("Tags", []sts.Tag{{Key: text("", stsfield.TagChars, min(max(n, 1), 128))}})
		set("TransitiveTagKeys", []string{s})
	case "SerialNumber":
		set("SerialNumber", s)
		set("TokenCode", code)
	case "TokenCode":
		set("SerialNumber", "GAHT12345678")
		set("TokenCode", s)
	case "Audience":
		l := make([]string, n)
		for i := range l {
			l[i] = fmt.Sprint("https://example.com/", i)
		}
		set("Audience", l)
	case "Audience[]":
		set("Audience", []string{s})
	case "SigningAlgorithm":
		if n == 5 {
			s = "RS256"
		}
		set("SigningAlgorithm", s)
	case "ProvidedContexts":
		l := make([]sts.ProvidedContext, n)
		for i := range l {
			l[i] = sts.ProvidedContext{ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: "CANARYassertion"}
		}
		set("ProvidedContexts", l)
	case "ProvidedContexts[].ProviderArn":
		set("ProvidedContexts", []sts.ProvidedContext{{ProviderArn: s, ContextAssertion: "CANARYassertion"}})
	case "ProvidedContexts[].ContextAssertion":
		set("ProvidedContexts", []sts.ProvidedContext{{ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: s}})
	default:
		set(b.Field, s)
	}
	return r
}

// atField is the name an error gives to the first item of a list.
func atField(b stsfield.Bound) string { return strings.Replace(b.Field, "[]", "[0]", 1) }

// Every bound is tried one below, at, and one above.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, b := range stsfield.All() {
		t.Run(string(b.Operation)+"/"+b.Field, func(t *testing.T) {
			try := func(n int, inside bool) {
				t.Helper()
				r := with(valid(b.Operation), b, n)
				err := r.Validate()
				if inside {
					// 20 characters are enough for an ARN by the API's model, and for no ARN there is; 2048 are too many for a root.
					var f *sts.FieldError
					if b.Shaped && (n < 32 || b.Operation == token.AssumeRoot) && errors.As(err, &f) && !strings.Contains(f.Rule, "characters") {
						return
					}
					if err != nil {
						t.Errorf("%d refused: %v", n, err)
					}
					return
				}
				var f *sts.FieldError
				if !errors.As(err, &f) {
					t.Fatalf("%d: %v", n, err)
				}
				if f.Field != atField(b) || f.Operation != b.Operation || f.Rule == "" {
					t.Errorf("%d: refused for %+v", n, f)
				}
				if b.Secret && f.Value != "" {
					t.Errorf("the error has the secret: %+v", f)
				}
				if !b.Secret && b.Kind == stsfield.Characters && n > 0 && f.Value == "" {
					t.Errorf("the error lacks the value: %+v", f)
				}
			}
			if b.Min > 0 {
				// Nothing at all is absent, not too short.
				try(b.Min-1, b.Min == 1 && !b.Required)
				try(b.Min, true)
			}
			if b.Required {
				try(0, false)
			}
			if b.Max > 0 {
				try(b.Max, true)
				try(b.Max+1, false)
			}
			if b.Kind == stsfield.Seconds {
				try(-1, false)
				try(0, true)
			}
		})
	}
}

// Every pattern is tried with each character of the first planes, as the last of a valid value.
func TestCharsets(t *testing.T) {
	t.Parallel()
	patterns := map[stsfield.Charset]func(rune) bool{
		stsfield.Digits:          func(r rune) bool { return strings.ContainsRune("0123456789", r) },
		stsfield.NameChars:       func(r rune) bool { return word(r) || strings.ContainsRune("+=,.@-", r) },
		stsfield.SerialChars:     func(r rune) bool { return word(r) || strings.ContainsRune("+=/:,.@-", r) },
		stsfield.ExternalIDChars: func(r rune) bool { return word(r) || strings.ContainsRune("+=,.@:/-", r) },
		stsfield.PolicyChars:     func(r rune) bool { return r == 9 || r == 10 || r == 13 || r >= 0x20 && r <= 0xff },
		stsfield.DescriptionChars: func(r rune) bool {
			return r == 9 || r == 10 || r == 13 || r >= 0x20 && r <= 0x7e || r >= 0xa1 && r <= 0xff
		},
		stsfield.Graphic: func(r rune) bool { return r > 0x20 && r < 0x7f },
		stsfield.Base64:  func(r rune) bool { return word(r) && r != '_' || strings.ContainsRune("+/=\r\n", r) },
	}
	for _, b := range stsfield.All() {
		in, ok := patterns[b.Charset]
		if !ok || b.Kind != stsfield.Characters {
			continue
		}
		base := text(b.Field, b.Charset, max(b.Min, 2)-1)
		for r := range rune(0x2100) {
			req := with(valid(b.Operation), b, 0)
			setText(&req, b.Field, base+string(r))
			if err := req.Validate(); (err == nil) != in(r) {
				t.Fatalf("%s %s with %U: %v", b.Operation, b.Field, r, err)
			}
		}
		req := with(valid(b.Operation), b, 0)
		setText(&req, b.Field, base+"\xff")
		if req.Validate() == nil {
			t.Errorf("%s %s: invalid UTF-8 accepted", b.Operation, b.Field)
		}
	}
}

func word(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// setText sets a plain field, or the one of a list's first item.
func setText(r *sts.Request, field, s string) {
	switch field {
	case "ProvidedContexts[].ContextAssertion":
		r.ProvidedContexts = []sts.ProvidedContext{{ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: s}}
	default:
		reflect.ValueOf(r).Elem().FieldByName(field).SetString(s)
	}
}

// The table has a line for every field of a request, and what an operation has no line for is refused.
func TestBoundsAreComplete(t *testing.T) {
	t.Parallel()
	have := map[string]stsfield.Bound{}
	of := map[token.Operation]map[string]bool{}
	for _, b := range stsfield.All() {
		have[b.Field] = b
		if of[b.Operation] == nil {
			of[b.Operation] = map[string]bool{}
		}
		of[b.Operation][b.Field] = true
	}
	for field := range reflect.TypeFor[sts.Request]().Fields() {
		name := field.Name
		switch name {
		case "Operation", "SourceARN": // not sent
			continue
		case "Duration":
			name = "DurationSeconds"
		}
		b, ok := have[name]
		if !ok {
			t.Errorf("no bounds for %s", name)
		}
		for _, op := range operations {
			if of[op][name] {
				continue
			}
			err := with(valid(op), b, max(b.Min, 1)).Validate()
			if e, ok := errors.AsType[*sts.FieldError](err); !ok || e.Rule != "is not a field of "+string(op) {
				t.Errorf("%s with %s: %v", op, name, err)
			}
		}
	}
	if err := (sts.Request{Operation: "GetCallerIdentity"}).Validate(); err == nil {
		t.Error("an operation that gives no credentials is accepted")
	}
}
