package request_test

import (
	"encoding/base64"
	"os"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// goldenRequests are requests of every operation, source and chain, by their names in
// goldenKeys. The files they name are written by TestGoldenKeys.
func goldenRequests() map[string]*request.Request {
	const role = "arn:aws:iam::111122223333:role/deploy"
	static := request.Source{Kind: request.SourceStatic, Profile: "base", Files: []string{"/home/a/.aws/credentials"}, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	other := func(kind request.SourceKind) request.Source {
		return request.Source{Kind: kind, Profile: "base", Files: []string{"/home/a/.aws/config", "/home/a/.aws/credentials"},
			ConfigFile: "/home/a/.aws/config", CredentialsFile: "/home/a/.aws/credentials", Command: "keys", Digest: "0a1b"}
	}
	ask := func(operation string, change func(*request.Request)) *request.Request {
		r := &request.Request{Name: "dev", Operation: operation, Source: static, Region: "eu-west-1", Partition: "aws"}
		if change != nil {
			change(r)
		}
		return r
	}
	assume := func(change func(*request.Request)) *request.Request {
		return ask("AssumeRole", func(r *request.Request) {
			r.RoleARN, r.RoleSessionName = role, "alice"
			change(r)
		})
	}
	everything := func() *request.Request { r := full(); return &r }
	session := func() *request.Request {
		return ask("GetSessionToken", func(r *request.Request) { r.SerialNumber = "arn:aws:iam::111122223333:mfa/alice" })
	}
	all := map[string]*request.Request{
		"session":          ask("GetSessionToken", nil),
		"session with MFA": session(),
		"session elsewhere": ask("GetSessionToken", func(r *request.Request) {
			r.Region, r.Partition, r.Endpoint = "cn-north-1", "aws-cn", "https://sts.example"
		}),
		"session, variants":     ask("GetSessionToken", func(r *request.Request) { r.FIPS, r.DualStack, r.Duration = true, true, 90*time.Minute }),
		"session, fractions":    ask("GetSessionToken", func(r *request.Request) { r.Duration = 1500 * time.Millisecond }),
		"federation":            ask("GetFederationToken", func(r *request.Request) { r.FederationName, r.Policy = "visitor", `{"Version":"2012-10-17"}` }),
		"federation, no policy": ask("GetFederationToken", func(r *request.Request) { r.FederationName, r.NoPolicy = "visitor", true }),
		"federation, lists": ask("GetFederationToken", func(r *request.Request) {
			r.FederationName, r.PolicyARNs = "visitor", []string{"arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A"}
			r.Tags = []request.Tag{{Key: "Team", Value: `o"p<s>`}, {Key: "Cost", Value: ""}}
		}),
		"role":              assume(func(*request.Request) {}),
		"role for an agent": assume(func(r *request.Request) { r.Agent = "Claude Code" }),
		"role with everything": assume(func(r *request.Request) {
			r.ExternalID, r.SourceIdentity, r.Duration, r.SerialNumber = "42", "alice", time.Hour, "GAHT12345678"
			r.Tags, r.TransitiveTagKeys, r.Policy = []request.Tag{{Key: "Team", Value: "ops"}}, []string{"Team"}, "{}"
		}),
		"role after MFA": assume(func(r *request.Request) { r.Base = session() }),
		"role after role": assume(func(r *request.Request) {
			r.Base = assume(func(r *request.Request) { r.RoleARN += "-first" })
		}),
		"role after role after MFA": assume(func(r *request.Request) {
			r.Base = assume(func(r *request.Request) { r.RoleARN, r.Base = r.RoleARN+"-first", session() })
		}),
		"role after web identity": assume(func(r *request.Request) {
			r.Base = ask("AssumeRoleWithWebIdentity", func(r *request.Request) {
				r.Source, r.RoleARN, r.WebIdentityTokenFile = request.Source{}, role, "token.jwt"
			})
		}),
		"root": ask("AssumeRoot", func(r *request.Request) {
			r.TargetPrincipal, r.TaskPolicyARN = "444455556666", "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"
		}),
		"an accepted token": {Granted: "guest", Operation: "AssumeRole"},
		"every field":       everything(),
		"every field of before there were scoped sessions": before(everything()),
		"narrowed role":               request.Narrow(assume(func(*request.Request) {}), "{}", 0),
		"narrowed session":            request.Narrow(session(), "{}", time.Minute),
		"narrowed twice":              request.Narrow(request.Narrow(session(), "{}", 0), `{"Version":"2012-10-17"}`, 0),
		"narrowed session of its own": described(request.Narrow(session(), "{}", 0)),
		"web identity token for another cloud": ask("GetWebIdentityToken", func(r *request.Request) {
			r.Audience, r.SigningAlgorithm, r.Duration = []string{"https://b.example", "https://a.example"}, "ES384", 5*time.Minute
			r.Tags = []request.Tag{{Key: "Team", Value: "ops"}}
		}),
	}
	for name, file := range map[string]string{"": "token.jwt", ", opaque": "opaque", ", no file": "nowhere"} {
		all["web identity"+name] = ask("AssumeRoleWithWebIdentity", func(r *request.Request) {
			r.Source, r.RoleARN, r.RoleSessionName, r.WebIdentityTokenFile = request.Source{}, role, "pod", file
		})
	}
	for name, file := range map[string]string{"": "assertion", ", opaque": "opaque", ", no file": "nowhere"} {
		all["SAML"+name] = ask("AssumeRoleWithSAML", func(r *request.Request) {
			r.Source, r.RoleARN, r.PrincipalARN, r.SAMLAssertionFile = request.Source{}, role, "arn:aws:iam::111122223333:saml-provider/example", file
		})
	}
	all["SAML by command"] = ask("AssumeRoleWithSAML", func(r *request.Request) {
		r.Source, r.RoleARN, r.PrincipalARN, r.SAMLAssertionCommand = request.Source{}, role, "arn:aws:iam::111122223333:saml-provider/example", "saml login"
	})
	all["web identity by command"] = ask("AssumeRoleWithWebIdentity", func(r *request.Request) {
		r.Source, r.RoleARN, r.RoleSessionName, r.WebIdentityTokenCommand = request.Source{}, role, "pod", "spiffe token"
	})
	all["web identity of GitHub"] = ask("AssumeRoleWithWebIdentity", func(r *request.Request) {
		r.Source, r.RoleARN, r.RoleSessionName, r.WebIdentityIssuer = request.Source{}, role, "job", request.GitHub
	})
	login := func(kind request.SourceKind, l request.Login) request.Source {
		s := other(kind)
		s.Login = &l
		return s
	}
	all["source sso by its login"] = assume(func(r *request.Request) {
		r.Source = login(request.SourceSSO, request.Login{File: "/home/a/.aws/sso/cache/0a.json", AccountID: "111122223333", RoleName: "Admin"})
	})
	all["source login by its login"] = assume(func(r *request.Request) {
		r.Source = login(request.SourceLogin, request.Login{File: "/home/a/.aws/login/cache/0a.json"})
	})
	for _, kind := range []request.SourceKind{request.SourceCommand, request.SourceCertificate} {
		all["source "+string(kind)] = assume(func(r *request.Request) { r.Source = request.Source{Kind: kind, Digest: "0a1b"} })
	}
	for _, kind := range []request.SourceKind{request.SourceEnvironment, request.SourceProcess, request.SourceSSO, request.SourceLogin,
		request.SourceContainer, request.SourceInstance, request.SourceDefault} {
		all["source "+string(kind)] = assume(func(r *request.Request) { r.Source = other(kind) })
		if kind != request.SourceEnvironment {
			// As it is asked: below, the source has a request of its own.
			role := request.WithSource(assume(func(r *request.Request) { r.Source = other(kind) }))
			all["role of the source "+string(kind)], all["credentials of the source "+string(kind)] = role, role.Base
			all["narrowed source "+string(kind)] = request.Narrow(role.Base, "{}", 0)
		}
	}
	return all
}

// before is r without what requests did not have at first.
func before(r *request.Request) *request.Request {
	r.Description, r.Audience, r.SigningAlgorithm = "", nil, ""
	return r
}

func described(r *request.Request) *request.Request {
	r.Description = "run 42"
	return r
}

// goldenKeys are the keys that records have today. A key that changes here makes every such
// record unreachable: it would need a new version of the schema, and a reason.
var goldenKeys = map[string]string{
	"SAML by command":                      "6a6b18e9cd172a50fe871e7053908831c985b9d5a509a7baa2b26fa87809be5a",
	"SAML":                                 "ee032175aeb8fabdd1b9519075b0c6510e59e10745944ead50f2a01682344bf1",
	"SAML, no file":                        "891141d393ec606f17f288baf0e9b41314224962d94a90ceb7401bb643460623",
	"SAML, opaque":                         "252cbbb370633ddd5b980782b16633e881a7a7c9051d93d7c33828ec33712ebf",
	"an accepted token":                    "b7c858494bc7f02aca3e7f784b0dddd94040fae9e4fa7329166079bd9cb431ac",
	"every field":                          "6e47dec31cee116b6b72d9526e2dbe55a22ec6cee50eb7e72d16d296bd243db7",
	"narrowed role":                        "ec3cd7db4aea047baecc73b36d129e4b68dcca840dfb6581ea04bb5765aa09a6",
	"narrowed session of its own":          "e50fd82c8c41fac98fbf8d522d07c7e3f5e1b44672356dd889de1718b312c7b2",
	"narrowed session":                     "a129a96ded3aad43eb84734b32c75847ca32abae4f4d8922c21b9287e65cc461",
	"narrowed source container":            "801e88e0a2bab2ed00bc9c624dd6dda9ee2f8611b42a8ca082b08358e9bdd0f9",
	"narrowed source default":              "f4358b208fcc7f8f37b480bd5b461106641565f3f83f41caa48f4f5197eed1e2",
	"narrowed source instance":             "f1b90e206f3b151542806211ed7c327f29d2fc7cdfc2f81f8d73fa88f46fcf77",
	"narrowed source login":                "da1417e8a5f0c2e421ba80d5d43c201e55d165fc11d0941d99ae9dbfef144095",
	"narrowed source process":              "793f0f4492d3a360851b10edc77fce156c5f756f48d32b088554fd13e53b9180",
	"narrowed source sso":                  "dcfff2a81130cb46a086b4564a6c2453997b385a62b488bc9206a7ee797f1c57",
	"narrowed twice":                       "977d55c86f17a800ed787187396032fb1c5ef915739934fd9c8493f421e8ec1a",
	"web identity token for another cloud": "4265a121a4b727f777ab1c801e7640eef49393c148b3cac363bac427d81209ff",
	"every field of before there were scoped sessions": "4f4dd1a8e813838058fcf5b058e98e54e785360cba5736ad50396ce1f3de1c96",
	"federation":                          "f7134e2bdbf8fee15326b0ca10d5cf823853ca83d00ab97c24fbbb3afbd42e52",
	"federation, lists":                   "6064db0e7f395bd1ab1278004a346e9420caa7f741731cbd4c5298a4fd417119",
	"federation, no policy":               "128e45e45313aac53cf19fd6b88f9b55fcff639a7f9af97d77b526431ed7b993",
	"role after MFA":                      "59379c8f8efeba735978dd07cc747ccb793c82fcf6df19573a166225c2524a50",
	"role after role after MFA":           "137041a7b0510c27f502545af41bc404db2d8a707916ad3ec6320c5eaedcedef",
	"role after role":                     "c07873423734f96ab53e5d504b86a08516c538b468a6b065d5ce04401759692f",
	"role after web identity":             "9aedc7c65f006075cd7315bf51583cbb81b60fe9af5d3ca41414fe9d1d7976b3",
	"role with everything":                "3bf3766815d120b720a82da2c5e3049afc28bdacc9094953e7ab7b51268ca052",
	"role":                                "a7d331b26782392227f8871873762348ea945835a0c299bdf1d833a322f07782",
	"root":                                "861d7f14ff72e98b5fd5527dd472d8390fb1758847b7769b04b1b064c12ea917",
	"session elsewhere":                   "0a9b1b3620316bd03c3dc9e5c1095f403cfe291006250178a484bed4e6ee6755",
	"session with MFA":                    "751cb226f91834a3681901da6c87809a277de23c9bd7d95cb6cb833c7406cc41",
	"session":                             "90b0eea02a652d58dd676cf84ab660749b87698e3677a4bf89c68a54b529722f",
	"session, fractions":                  "b2076c38ae399383889373c58595129b85d897aafb1b6889017069fecf7b3f41",
	"session, variants":                   "b42132c2e4490a063c14d45f784bf2692a7fa2cb66db38d71d3542366ff42135",
	"credentials of the source container": "b74ffd0e5268fbf99e8f3fc24a5256d09fa9c2762751175465446c871d106352",
	"credentials of the source default":   "8028679454528207c00b35722565ed5a5ba1cef06c3cb733a91676af066300f0",
	"credentials of the source instance":  "024fbbf0bae007d46e4000399ff292938005f3298556c52abe4730d7a61651bf",
	"credentials of the source login":     "ad5103af9da735fa4d297232ddf67f05d32ebc0b37160563a1e15787f81c00e6",
	"credentials of the source process":   "c1caba496abd77d6fbb644d47416f5f40e73f3187f76875adbc374ca291ee4de",
	"credentials of the source sso":       "5f01fafd1223bb0ac2e69b0bad9710be141ab4de66f5683b78f9f9c57036caad",
	"role of the source container":        "869e0812e553cd984ae437c74632b2a6d098c52e36b4a5c343d937da0b30920e",
	"role of the source default":          "94d08320d7e89f7a511f2ad3c1f97cc0afee3b4a91329c010cd292ea7f4cca1b",
	"role of the source instance":         "d123f6b11df0096b4383f75b467b4f3cd24fe836bf20256e1c613a51f5d00355",
	"role of the source login":            "956a311b7a0ae52e71c267e6c0b06a52bd3c6a9f184ed31880e9a7c221a19a18",
	"role of the source process":          "3a931ab7d1c0bac3c1ee70f19be12ab597e21ea34f621c65d8405c7fc274f69f",
	"role of the source sso":              "b0ba9d785b4700406299808d0cf42c69c6d31668622bbc4344045c65c229a695",
	"source container with a token file":  "3cb13198175cd6d2fa2c11af22d99b93fcc2e4406347a9c81f4f040520f730db",
	"source container with a token":       "ea8eaad6a3ba4cfe568ea7ac22000835a8fbd64e1e249dca884f71a8b11b8611",
	"source container":                    "8cfe8fe240dfa31e9e33e90c7cf64ca11e60376a3544ce377104bb34b4f864bc",
	"source default":                      "9d6252e01407df7470c6f6262a499b33a348f93b5b85b6d67d7fdb8501f1b030",
	"source environment":                  "d0b0ce012c08fb42ebf9ce1d9ab72ad9a722bfa52bd32c33cff7d272c7048db7",
	"role for an agent":                   "3c26318bf816336f71cc102db168e22fc5218ab009395b98cac201d1075c4ae7",
	"source instance":                     "ad15b7a579d6b0a8541e213db7f0912276b1c08be06598f524d0733cc60f1baa",
	"source login":                        "cf02754bdf5542015c161ef89162e95eaf13a382d7b51fa04dd67deabe920ced",
	"source process":                      "def12b4a7cb0c173042eeda8414c15256fda833253a06e8ed41ee1878f98ce0c",
	"source sso":                          "9c53ca54d6686b56ba16998d383a7007368d492722b594a0331f6c1472c68330",
	"source certificate":                  "4a9143ef28c51ae9b30fd93b2cf4e8cc1a31c7282ae03102b88746de25d9c84a",
	"source command":                      "7c9f67f575ab567c912b58dd9b965cb407255640d4ee5aabdd16d0b208d98ca7",
	"source login by its login":           "b7e1655d84fd5678f6299a7c216216ccdd0a482d9823710a90a84037c62f12d6",
	"source sso by its login":             "a25fa7e62fb42f77f3e65763f93f740e91f0d132fa3816e8235765a634b45bcf",
	"web identity by command":             "c3c60139e43b538cf2b6e6eaa1c88acf1ae7da7391615dea77ce5eb466f4b881",
	"web identity of GitHub":              "374376e18e800602c24963c40692a929058508e753126bbabe3331c9b779366e",
	"web identity":                        "26cf885855980ca4a7a3e80df4842ce5f1cc4991f5437f337514e03608e5bff2",
	"web identity, no file":               "49732e9f3abd5f814e0183b0924666e3cb6e2f8eb16a0e45661a660ebdb83228",
	"web identity, opaque":                "a6a9d57de89dc7d409162e1eb10139150cdc51681542611e2d229c007027f545",
}

// The keys of requests stay what they are, so that records outlive the program that made them.
func TestGoldenKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "") // the cache is the home's
	enc := base64.RawURLEncoding
	jwt := func(sub string) string {
		return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + enc.EncodeToString([]byte(`{"iss":"https://idp.example","sub":"`+sub+`"}`)) + ".CANARY"
	}
	for name, content := range map[string]string{
		"token.jwt": jwt("system:serviceaccount:a:b"),
		"opaque":    "CANARY opaque",
		"assertion": base64.StdEncoding.EncodeToString([]byte(`<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"><a:Subject><a:NameID>alice</a:NameID></a:Subject>` +
			`<a:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><a:AttributeValue>al</a:AttributeValue></a:Attribute></a:Assertion>`)),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string, r *request.Request) {
		settings.Observe(r, settings.ProcessEnvironment())
		if got := request.KeyOf(r).String(); got != goldenKeys[name] {
			t.Errorf("the key changed:\n%q: %q,", name, got)
		}
	}
	requests := goldenRequests()
	for name, r := range requests {
		check(name, r)
	}
	// In a container the endpoint's token says whose the credentials are.
	pod := requests["source container"]
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", jwt("pod"))
	check("source container with a token", pod)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token.jwt")
	check("source container with a token file", pod)
	if n := len(requests) + 2; n != len(goldenKeys) {
		t.Errorf("%d requests, %d keys", n, len(goldenKeys))
	}
}
