package request_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
)

// full is a request with every field set. No operation takes them all; a key is made of
// whatever is there.
func full() request.Request {
	return request.Request{
		Name: "dev", Operation: "AssumeRole",
		Source: source(), Region: "eu-west-1", Partition: "aws", Endpoint: "http://127.0.0.1:1", FIPS: true, DualStack: true,
		Duration: time.Hour, SerialNumber: "arn:aws:iam::111122223333:mfa/alice",
		FederationName: "visitor", RoleARN: "arn:aws:iam::111122223333:role/deploy", RoleSessionName: "alice", ExternalID: "42", SourceIdentity: "alice",
		Tags: []request.Tag{{Key: "Team", Value: "ops"}, {Key: "Cost", Value: "7"}}, TransitiveTagKeys: []string{"Team"},
		Policy: "{}", PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
		WebIdentityTokenFile: "/nowhere/token", SAMLAssertionFile: "/nowhere/assertion", SAMLAssertionCommand: "cat /nowhere/assertion",
		WebIdentitySubject: "pod", SAMLSubject: "alice",
		Description: "a test", Audience: []string{"https://example.com"}, SigningAlgorithm: "ES384",
		PrincipalARN: "arn:aws:iam::111122223333:saml-provider/example", TargetPrincipal: "444455556666", TaskPolicyARN: "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy",
	}
}

func source() request.Source {
	return request.Source{Kind: request.SourceProcess, Profile: "base", Files: []string{"/home/a/.aws/config"}, ConfigFile: "/home/a/.aws/config", CredentialsFile: "/home/a/.aws/credentials",
		Command: "keys", Digest: "0a"}
}

// changed is v with another value, whatever its type; false for a type that is not known here.
func changed(v reflect.Value) bool {
	switch x := v.Addr().Interface().(type) {
	case *string:
		*x += "x"
	case *bool:
		*x = !*x
	case *time.Duration:
		*x += time.Second
	case *[]string:
		*x = append([]string{"x"}, *x...)
	case *[]request.Tag:
		*x = append([]request.Tag{{Key: "x", Value: "y"}}, *x...)
	case **request.Login:
		*x = &request.Login{File: "/home/a/.aws/sso/cache/0.json"}
	case **request.Certificate:
		*x = &request.Certificate{File: "/home/a/cert.pem"}
	case **request.Stored:
		*x = &request.Stored{Name: "work", File: "/home/a/work.json"}
	case *request.SourceKind:
		*x = request.SourceSSO
	case *request.Limit:
		x.Life += time.Second
	default:
		return false
	}
	return true
}

// Fields that do not change whose the token is or what it may do, and why.
var (
	noPartOfTheKey = map[string]string{
		"Name":          "what messages call the request",
		"NoPolicy":      "says that no policy is meant, which the policy says itself",
		"ObservedFiles": "Observed has what is in them",
		"CallOptions":   "how the request is answered",
		"Instead":       "what is asked for instead is in the other fields",
		"HandOut":       "the token of Operation is the same, and the source's credentials have a key of their own",
		"Reason":        "what is said of the operation",
		"MaxLife":       "refuses what there is, and changes nothing of it",
		"CABundle":      "whom the connection trusts; AWS decides whose the token is",
	}
	noPartOfTheSource = map[string]string{
		"ConfigFile":      "identifies nothing, see Files",
		"CredentialsFile": "identifies nothing, see Files",
		"CABundle":        "does not change whose the credentials are",
		"Session":         "the access key id shows it",
		"Command":         "part of Digest",
		"Certificate":     "part of Digest",
		"Stored":          "AccessKeyID identifies the key, wherever it is kept",
	}
	noPartOfTheLogin = map[string]string{
		"SessionName": "the file shows it",
		"SessionARN":  "the file shows it",
		"StartURL":    "part of Digest",
		"Region":      "part of Digest where it says where the login is",
		"Scopes":      "for a login to come",
		"Portal":      "part of Digest",
		"OIDC":        "part of Digest",
		"SignIn":      "part of Digest",
	}
)

// Every field of a request that is changed alone names another token; a field that is new and
// forgotten in the key fails here.
func TestKeyHasEveryField(t *testing.T) {
	plain := full()
	key := request.KeyOf(&plain).String()
	seen := map[string]string{key: "nothing"}
	typ := reflect.TypeFor[request.Request]()
	for i := range typ.NumField() {
		field := typ.Field(i).Name
		r := full()
		switch v := reflect.ValueOf(&r).Elem().Field(i); field {
		case "Base":
			r.Base = &request.Request{Operation: "GetSessionToken", Region: "eu-west-1"}
		case "Source", "CallOptions": // below
			continue
		default:
			if !changed(v) {
				t.Fatalf("%s has a type that this test does not know: %s", field, v.Type())
			}
		}
		k := request.KeyOf(&r).String()
		if noPartOfTheKey[field] != "" {
			if k != key {
				t.Errorf("%s is part of the key, though it is %s", field, noPartOfTheKey[field])
			}
			continue
		}
		if other, ok := seen[k]; ok {
			t.Errorf("changing %s gives the key of changing %s", field, other)
		}
		seen[k] = field

		// Absent is another key as well. (A bool that is not set was tried just now.)
		r = full()
		v := reflect.ValueOf(&r).Elem().Field(i)
		if v.IsZero() || v.Kind() == reflect.Bool {
			continue
		}
		v.SetZero()
		if k := request.KeyOf(&r).String(); seen[k] != "" {
			t.Errorf("without %s the key is that of changing %s", field, seen[k])
		} else {
			seen[k] = "leaving out " + field
		}
	}
}

func TestKeyHasEveryFieldOfTheSource(t *testing.T) {
	plain := full()
	seen := map[string]string{request.KeyOf(&plain).String(): "nothing"}
	typ := reflect.TypeFor[request.Source]()
	for i := range typ.NumField() {
		field := typ.Field(i).Name
		r := full()
		if !changed(reflect.ValueOf(&r.Source).Elem().Field(i)) {
			t.Fatalf("%s has a type that this test does not know", field)
		}
		other, same := seen[request.KeyOf(&r).String()]
		if why := noPartOfTheSource[field]; why != "" {
			if !same {
				t.Errorf("%s is part of the key, though it is %s", field, why)
			}
		} else if same {
			t.Errorf("changing the source's %s gives the key of changing %s", field, other)
		}
		seen[request.KeyOf(&r).String()] = field
	}
}

// A login is its file, whatever profile names it.
func TestKeyOfLogins(t *testing.T) {
	login := func() request.Request {
		r := full()
		r.Source = request.Source{Kind: request.SourceSSO, Profile: "base", Files: []string{"/a"}, Digest: "0a",
			Login: &request.Login{File: "/home/a/.aws/sso/cache/0.json", AccountID: "1", RoleName: "r"}}
		return r
	}
	plain := login()
	key := request.KeyOf(&plain).String()
	typ := reflect.TypeFor[request.Login]()
	for i := range typ.NumField() {
		field := typ.Field(i).Name
		r := login()
		if !changed(reflect.ValueOf(r.Source.Login).Elem().Field(i)) {
			t.Fatalf("%s has a type that this test does not know", field)
		}
		if same := request.KeyOf(&r).String() == key; same != (noPartOfTheLogin[field] != "") {
			t.Errorf("%s: the key is the same: %v", field, same)
		}
	}
	other := login()
	other.Source.Profile, other.Source.Files = "other", []string{"/b"}
	if request.KeyOf(&other).String() != key {
		t.Error("two profiles of one login and role are two sources")
	}
}

// A static key is its access key id, wherever it is defined.
func TestKeyOfStaticKeys(t *testing.T) {
	a, b := full(), full()
	a.Source = request.Source{Kind: request.SourceStatic, Profile: "base", Files: []string{"/a"}, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	b.Source = request.Source{Kind: request.SourceEnvironment, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	if request.KeyOf(&a).String() != request.KeyOf(&b).String() {
		t.Error("the same access key under another name is another source")
	}
	b.Source.AccessKeyID = "AKIAIOSFODNN7EXAMPLF"
	if request.KeyOf(&a).String() == request.KeyOf(&b).String() {
		t.Error("a rotated key is the same source")
	}
}

// A base is everything that it was asked with, down to the bottom of the chain.
func TestKeyOfChains(t *testing.T) {
	chained := func(change func(bottom *request.Request)) string {
		bottom, middle, top := full(), full(), full()
		change(&bottom)
		middle.Base, top.Base = &bottom, &middle
		return request.KeyOf(&top).String()
	}
	plain := chained(func(*request.Request) {})
	for name, change := range map[string]func(*request.Request){
		"role":   func(r *request.Request) { r.RoleARN += "x" },
		"serial": func(r *request.Request) { r.SerialNumber = "" },
		"source": func(r *request.Request) { r.Source.Digest = "0b" },
	} {
		if chained(change) == plain {
			t.Errorf("another %s at the bottom is no other token", name)
		}
	}
	if chained(func(r *request.Request) { r.Wait, r.Verbose, r.Name = time.Second, true, "other" }) != plain {
		t.Error("how it is asked for is part of the key")
	}
}

// Sets are sets, and their members do not run into one another.
func TestKeyOfLists(t *testing.T) {
	of := func(arns []string, tags ...request.Tag) string {
		r := full()
		r.PolicyARNs, r.Tags = arns, tags
		return request.KeyOf(&r).String()
	}
	if of([]string{"a", "b"}) != of([]string{"b", "a"}) {
		t.Error("the order of policy ARNs matters")
	}
	if of(nil, request.Tag{Key: "a", Value: "1"}, request.Tag{Key: "b", Value: "2"}) != of(nil, request.Tag{Key: "b", Value: "2"}, request.Tag{Key: "a", Value: "1"}) {
		t.Error("the order of tags matters")
	}
	different := []string{
		of([]string{"a", "b"}), of([]string{"a,b"}), of([]string{`a","b`}), of([]string{"ab"}), of(nil),
		of(nil, request.Tag{Key: "a", Value: "b=c"}), of(nil, request.Tag{Key: "a=b", Value: "c"}), of(nil, request.Tag{Key: "a", Value: ""}),
		of(nil, request.Tag{Key: "a", Value: "b"}, request.Tag{Key: "c", Value: "d"}), of(nil, request.Tag{Key: "a", Value: "d"}, request.Tag{Key: "c", Value: "b"}),
	}
	seen := map[string]int{}
	for i, k := range different {
		if j, ok := seen[k]; ok {
			t.Errorf("lists %d and %d have one key", i, j)
		}
		seen[k] = i
	}
}

// An accepted token is named by its name alone, and is never what STS was asked for.
func TestGrantedKey(t *testing.T) {
	r := full()
	r.Granted = "guest"
	if request.KeyOf(&r).String() != request.GrantedKey("guest").String() {
		t.Error("the key of an accepted token depends on more than its name")
	}
	if request.GrantedKey("guest").String() == request.GrantedKey("guest2").String() {
		t.Error("two names, one key")
	}
}
