package source_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// narrowed are the sources of every kind that a policy is asked of, by their names: the arguments, the
// operation that gives the answer, and how often what lies below is asked.
type narrowed struct {
	args      []string
	env       []string
	operation string
	who       string // the end of the principal's ARN
}

// narrowWorld is a world with a source of every kind.
func narrowWorld(t *testing.T, h *harness.World) (*world, map[string]narrowed) {
	t.Helper()
	w := worldOf(t, h)
	device := w.STS.AddMFADevice(w.User, "alice")
	w.process(t, "vault", "cat ~/bob.json")
	w.process(t, "user", "cat ~/user.json")
	harness.Must(t, w.Write("user.json", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, w.User.AccessKeyID, w.User.SecretAccessKey)))
	w.signIn(t, "alice")
	w.signInConsole(t, "carol")
	container := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		var d map[string]any
		b, err := os.ReadFile(filepath.Join(w.Dir, "alice.json"))
		if err == nil {
			err = json.Unmarshal(b, &d)
		}
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		d["Token"] = d["SessionToken"]
		_ = json.NewEncoder(rw).Encode(d) // the client sees what is missing
	}))
	t.Cleanup(container.Close)
	var keys harness.Document
	harness.Must(t, json.Unmarshal([]byte(w.Read(t, "bob.json")), &keys))
	idp := w.STS.AddOIDCProvider(harness.Account, "https://idp.example.com", "sts.amazonaws.com")
	saml := w.STS.AddSAMLProvider(harness.Account, "example")
	web := w.STS.AddRole(harness.Account, "web", emulator.Trust(idp.ARN), emulator.TrustActions("sts:AssumeRoleWithWebIdentity")).ARN
	asserted := w.STS.AddRole(harness.Account, "asserted", emulator.Trust(saml.ARN), emulator.TrustActions("sts:AssumeRoleWithSAML")).ARN
	harness.Must(t, w.Write("token", idp.Token("pod", "sts.amazonaws.com", time.Now().Add(time.Hour))))
	harness.Must(t, w.Write("assertion", saml.Assertion(emulator.SAMLAssertion{RoleARNs: []string{asserted}, RoleSessionName: "dave", Issued: time.Now()})))
	instance := w.Serve(t, "--profile", "corp", "--imds", "corp")
	return w, map[string]narrowed{
		"Identity Center":       {args: []string{"--source-profile", "corp"}, operation: "GetScopedCredentials", who: "/alice"},
		"aws login":             {args: []string{"--source-profile", "console"}, operation: "GetScopedCredentials", who: "user/carol"},
		"process":               {args: []string{"--source-profile", "vault"}, operation: "GetScopedCredentials", who: "team/bob"},
		"role":                  {args: w.role("base", "--role-session-name", "me"), operation: "AssumeRole", who: "app/me"},
		"role of a login":       {args: w.role("corp", "--role-session-name", "me"), operation: "AssumeRole", who: "app/me"},
		"session with MFA":      {args: []string{"--source-profile", "base", "--mfa-serial", device.SerialNumber, "--mfa-code", device.Code(w.STS.Now())}, operation: "GetScopedCredentials", who: "user/alice"},
		"keys":                  {args: []string{"--source-profile", "base"}, operation: "GetFederationToken", who: "federated-user/sts-helper-" + userName(t)},
		"process with a key":    {args: []string{"--source-profile", "user"}, operation: "GetFederationToken", who: "federated-user/sts-helper-" + userName(t)},
		"command":               {args: []string{"--source-command", "cat " + w.Dir + "/bob.json"}, operation: "GetScopedCredentials", who: "team/bob"},
		"web identity":          {args: []string{"--role-arn", web, "--role-session-name", "pod", "--web-identity-token-file", w.Dir + "/token"}, operation: "AssumeRoleWithWebIdentity", who: "web/pod"},
		"SAML":                  {args: []string{"--role-arn", asserted, "--principal-arn", saml.ARN, "--saml-assertion-file", w.Dir + "/assertion"}, operation: "AssumeRoleWithSAML", who: "asserted/dave"},
		"instance":              {env: []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + instance.Base, "AWS_EC2_METADATA_DISABLED=false"}, operation: "GetScopedCredentials", who: "/alice"},
		"container":             {env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + container.URL + "/"}, operation: "GetScopedCredentials", who: "team/alice"},
		"keys in the variables": {env: []string{"AWS_ACCESS_KEY_ID=" + keys.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey, "AWS_SESSION_TOKEN=" + keys.SessionToken}, operation: "GetScopedCredentials", who: "team/bob"},
	}
}

// userName is that of the user who runs the tests, as a name of STS has it.
func userName(t *testing.T) string {
	t.Helper()
	name := os.Getenv("USER")
	if name == "" {
		name = "root"
	}
	return name
}

// What the policy does not allow EC2 and S3 refuse, whatever the source is, on both sides of the cache;
// and whose the credentials are stays as it was.
func TestNarrowedSources(t *testing.T) {
	t.Parallel()
	w, sources := narrowWorld(t, harness.NewWorld(t))
	w.Env["USER"] = userName(t)
	for name, s := range sources {
		t.Run(name, func(t *testing.T) {
			args := append(s.args, "--allow", "ec2:DescribeImages", "--allow", "s3:GetObject", "--resource", "arn:aws:s3:::logs/*", "--resource", "*", "--deny", "s3:PutObject")
			d := w.Creds(t, w.run(t, s.env, args...))
			id, _ := w.STS.Lookup(d.AccessKeyId)
			if id.Operation != s.operation || !strings.HasSuffix(id.ARN, s.who) {
				t.Errorf("%s as %s", id.Operation, id.ARN)
			}
			for op, want := range map[string]int{"DescribeImages": 200, "DescribeAvailabilityZones": 403} {
				if got := w.EC2(t, d, op); got != want {
					t.Errorf("%s: %d, want %d", op, got, want)
				}
			}
			for path, want := range map[string]int{"GET /logs/a": 200, "PUT /logs/a": 403, "GET /logs": 403, "GET /": 403} {
				method, path, _ := strings.Cut(path, " ")
				if got := w.S3(t, d, method, path); got != want {
					t.Errorf("%s: %d, want %d", path, got, want)
				}
			}
			calls := w.STS.Count("")
			if again := w.Creds(t, w.run(t, s.env, args...)); again != d {
				t.Error("the second call has others")
			}
			if n := w.STS.Count("") - calls; n != 0 {
				t.Errorf("%d requests for what is kept", n)
			}
		})
	}
}

// One hundred processes of each of five policies on one Identity Center session: the source is fetched
// once, and narrowed five times.
func TestOneFetchForAllPolicies(t *testing.T) {
	harness.Long(t, "crowds")
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	actions := []string{"s3:GetObject", "s3:ListBucket", "ec2:DescribeImages", "ec2:DescribeAvailabilityZones", "sqs:SendMessage"}
	var jobs []*harness.Job
	for range crowd() {
		for _, action := range actions {
			jobs = append(jobs, harness.Start(t, nil, w.Command(t, "--source-profile", "corp", "--allow", action)))
		}
	}
	ids := map[string]map[string]bool{}
	for i, j := range jobs {
		action := actions[i%len(actions)]
		d := w.Creds(t, j.Result(t))
		id, _ := w.STS.Lookup(d.AccessKeyId)
		if len(id.ScopedPolicies) != 1 || !strings.Contains(id.ScopedPolicies[0], action) || !strings.HasSuffix(id.ARN, "/alice") {
			t.Errorf("%s: %+v", action, id)
		}
		if ids[action] == nil {
			ids[action] = map[string]bool{}
		}
		ids[action][d.AccessKeyId] = true
	}
	for action, of := range ids {
		if len(of) != 1 {
			t.Errorf("%s: %d sets of credentials", action, len(of))
		}
	}
	for op, want := range map[string]int{"GetRoleCredentials": 1, "GetScopedCredentials": len(actions), "GetCallerIdentity": 1} {
		if n := w.STS.Count(op); n != want {
			t.Errorf("%s: %d times, want %d", op, n, want)
		}
	}
}

// What is narrowed ends with what it is made from, which is renewed first; and nothing is asked for that
// would end no later.
func TestParentRenewedFirst(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	w := worldOf(t, m.World)
	w.signIn(t, "alice")
	line := []string{"--source-profile", "corp", "--allow", "ec2:DescribeImages"}
	parent := func() emulator.Identity {
		t.Helper()
		id, _ := w.STS.Lookup(w.Creds(t, w.Run(t, "--source-profile", "corp")).AccessKeyId)
		return id
	}
	child := func() emulator.Identity {
		t.Helper()
		d := w.Creds(t, w.Run(t, line...))
		id, _ := w.STS.Lookup(d.AccessKeyId)
		if w.EC2(t, d, "DescribeImages") != 200 {
			t.Error("it does not work any more")
		}
		return id
	}
	first := child()
	of := parent()
	if first.IssuedTo != of.AccessKeyID || !first.Expiration.Equal(of.Expiration) {
		t.Fatalf("%+v of %+v", first, of)
	}
	left := of.Expiration.Sub(w.STS.Now())
	m.At(t, left-10*time.Minute) // in the window of both
	second := child()
	if now := parent(); now.AccessKeyID == of.AccessKeyID || second.IssuedTo != now.AccessKeyID || !second.Expiration.After(first.Expiration) {
		t.Errorf("%+v of %+v", second, now)
	}
	// The portal is away: the child is kept, and STS is not asked for one that ends with it.
	m.At(t, time.Until(second.Expiration)-10*time.Minute)
	w.STS.Fault(emulator.Fault{Kind: emulator.InternalFailure, Op: "GetRoleCredentials"})
	calls := w.STS.Count("GetScopedCredentials")
	for range 3 {
		if id := child(); id.AccessKeyID != second.AccessKeyID {
			t.Errorf("%+v", id)
		}
	}
	if n := w.STS.Count("GetScopedCredentials") - calls; n != 0 {
		t.Errorf("%d requests for what would end no later", n)
	}
	// Never after its end.
	m.At(t, time.Until(second.Expiration)+time.Second)
	if r := w.Run(t, line...); r.Code == 0 {
		t.Errorf("handed out after its end: %q", r.Stdout)
	}
	w.STS.ClearFaults()
	m.At(t, time.Until(second.Expiration)+time.Minute) // the failure is remembered for seconds
	if id := child(); id.AccessKeyID == second.AccessKeyID {
		t.Error("the one that has ended")
	}
}

// A life of seconds: fresh in its first half, renewed in the second.
func TestLivesOfSeconds(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	w := worldOf(t, m.World)
	w.process(t, "vault", "cat ~/bob.json")
	line := []string{"--source-profile", "vault", "--duration", "60"}
	creds := func(ahead time.Duration) string {
		t.Helper()
		m.At(t, ahead)
		return w.Parse(t, w.Run(t, line...).Stdout).AccessKeyId
	}
	first := creds(0)
	if id, _ := w.STS.Lookup(first); id.Expiration.Sub(id.Issued) > time.Minute || len(id.ScopedPolicies) != 0 {
		t.Errorf("%+v", id)
	}
	second := creds(40 * time.Second)
	if first == second {
		t.Error("not renewed with a third of its life left")
	}
	if third := creds(2 * time.Minute); third == second {
		t.Error("the one that has ended")
	}
	if n := w.ran(t); n != 1 {
		t.Errorf("the source was asked %d times", n)
	}
}

// Others narrowed the source three times already: a fourth policy is refused before anything is sent where
// that is known, and where it is not STS's refusal is explained. A life takes no place.
func TestLayersOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.process(t, "vault", "cat ~/bob.json")
	narrow := func(args ...string) harness.Result {
		return w.Run(t, append([]string{"--no-cache", "--source-profile", "vault"}, args...)...)
	}
	for range 3 {
		r := narrow("--allow", "s3:*", "--allow", "sts:GetScopedCredentials")
		w.Creds(t, r)
		harness.Must(t, w.Write("bob.json", r.Stdout))
	}
	r := narrow("--allow", "s3:*")
	if r.Code != harness.ExitDenied || !strings.Contains(r.Stderr, "3 policies of GetScopedCredentials at most, those that other programs put on it included") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	calls := w.STS.Count("GetScopedCredentials")
	w.Creds(t, w.Run(t, "--source-profile", "vault", "--duration", "5m"))
	if n := w.STS.Count("GetScopedCredentials") - calls; n != 1 {
		t.Errorf("%d requests", n)
	}
	// What the parent is known to have.
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.a]\nsource_profile = \"vault\"\nallow = [\"s3:*\"]\n"))
	w.print(t, "bob")
	r = w.Run(t, "--profile", "a", "--allow", "s3:Get*", "-v")
	if r.Code != 0 || !strings.Contains(r.Stderr, "narrowed further") || !strings.Contains(r.Stderr, "GetScopedCredentials") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// The global endpoint has no GetScopedCredentials: nothing is sent there.
func TestGlobalEndpointRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	delete(w.Env, "AWS_ENDPOINT_URL_STS")
	r := w.Run(t, "--source-profile", "corp", "--read-only", "--endpoint-url", "https://sts.amazonaws.com", "--no-cache")
	if r.Code == 0 || !strings.Contains(r.Stderr, "global endpoint of STS") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := w.STS.Count("GetScopedCredentials"); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// CloudTrail is told what the user says, else which program, run and user it is.
func TestDescription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	describe := func(args ...string) string {
		t.Helper()
		id, _ := w.STS.Lookup(w.Creds(t, w.Run(t, append([]string{"--source-profile", "corp", "--read-only"}, args...)...)).AccessKeyId)
		return id.Description
	}
	if got := describe("--description", "the nightly report"); got != "the nightly report" {
		t.Errorf("described as %q", got)
	}
	if got := describe(); !strings.HasPrefix(got, "sts-helper, profile corp, process ") || !strings.Contains(got, "@") {
		t.Errorf("described as %q", got)
	}
	if r := w.Run(t, "--source-profile", "corp", "--read-only", "--description", "€"); r.Code == 0 || !strings.Contains(r.Stderr, "ScopedSessionDescription") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// The warm call of a narrowed profile is answered directly, like any other, and until the policy changes.
func TestNarrowedAnsweredDirectly(t *testing.T) {
	t.Parallel()
	w, sources := narrowWorld(t, harness.NewWorld(t))
	policy := func(action string) {
		harness.Must(t, w.Write("policy.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+action+`","Resource":"*"}]}`))
	}
	for name, s := range sources {
		t.Run(name, func(t *testing.T) {
			policy("ec2:DescribeImages")
			if name == "session with MFA" {
				w.Creds(t, w.run(t, s.env, s.args...)) // the code works once
				s.args = s.args[:len(s.args)-2]
			}
			args := append(s.args, "--policy", filepath.Join(w.Dir, "policy.json"))
			call := func() (harness.Document, bool) {
				cmd := w.Command(t, args...)
				cmd.Env = append(cmd.Env, s.env...)
				r, direct := w.Directly(t, cmd)
				return w.Creds(t, r), direct
			}
			first, direct := call()
			if direct {
				t.Error("the first call was answered directly")
			}
			second, direct := call()
			if !direct || second != first {
				t.Errorf("answered directly: %v, the same: %v", direct, second == first)
			}
			policy("ec2:DescribeAvailabilityZones")
			third, direct := call()
			if direct || third == first || w.EC2(t, third, "DescribeImages") != 403 {
				t.Errorf("after another policy: answered directly: %v, the same: %v", direct, third == first)
			}
		})
	}
}

// Narrowed profiles are served, logged in to and logged out of like any other.
func TestNarrowedProfiles(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	w := worldOf(t, m.World)
	w.signIn(t, "alice")
	device := w.STS.AddMFADevice(w.User, "alice")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.look]\nsource_profile = \"corp\"\nread_only = true\n"+
		"[profile.short]\nsource_profile = \"corp\"\nduration = \"60s\"\n"+
		"[profile.mine]\nsource_profile = \"base\"\nmfa_serial = \""+device.SerialNumber+"\"\nallow = [\"ec2:DescribeImages\"]\n"))
	// A code is asked for once, for the session; the narrowed one is made of it and needs none.
	if r := w.Run(t, "--profile", "mine"); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "sts-helper login") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if r := w.Run(t, "login", "mine", "--mfa-code", device.Code(w.STS.Now())); r.Code != 0 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	mine := w.Creds(t, w.Run(t, "--profile", "mine"))
	if id, _ := w.STS.Lookup(mine.AccessKeyId); !id.MFA || id.ARN != w.User.ARN || w.EC2(t, mine, "DescribeImages") != 200 || w.EC2(t, mine, "DescribeAvailabilityZones") != 403 {
		t.Errorf("%+v", id)
	}
	status := w.Run(t, "status", "--output", "json").Stdout
	for _, want := range []string{`"source": "base + MFA, narrowed"`, `"operation": "GetScopedCredentials"`, `"scoped_policies": 1`} {
		if !strings.Contains(status, want) && !strings.Contains(strings.ReplaceAll(status, `":`, `": `), want) {
			t.Errorf("status does not say %s: %s", want, status)
		}
	}
	if r := w.Run(t, "status", "--long"); !strings.Contains(r.Stdout, "narrowed by a policy of GetScopedCredentials") {
		t.Errorf("status says %q", r.Stdout)
	}
	s := w.Serve(t, "--profile", "look", "--profile", "short", "--profile", "mine", "--imds", "look")
	served := func(profile string) harness.Document {
		t.Helper()
		a := s.Container(t, profile)
		if a.Status != 200 {
			t.Fatalf("%s: %d %s", profile, a.Status, a.Body)
		}
		d := a.Document(t)
		return harness.Document{AccessKeyId: d.AccessKeyId, SecretAccessKey: d.SecretAccessKey, SessionToken: d.Token}
	}
	if d := served("look"); w.EC2(t, d, "DescribeImages") != 200 || w.S3(t, d, "PUT", "/bucket/key") != 403 || d.AccessKeyId != w.Creds(t, w.Run(t, "--profile", "look")).AccessKeyId {
		t.Error("the endpoint gives something else")
	}
	if d := served("mine"); d.AccessKeyId != mine.AccessKeyId {
		t.Error("the endpoint has another session")
	}
	first := served("short")
	m.At(t, 45*time.Second)
	harness.Await(t, "another session of a minute", func() bool { return served("short").AccessKeyId != first.AccessKeyId })
	s.Stop(t)
	// Logged out of the login, nothing that was made with it is given.
	if r := w.Run(t, "logout", "look"); r.Code != 0 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	for _, profile := range []string{"look", "short"} {
		if r := w.Run(t, "--profile", profile); r.Code != harness.ExitInteraction {
			t.Errorf("%s: exit %d, %q", profile, r.Code, r.Stderr)
		}
	}
}

// Where the session that is to be narrowed is known to have three policies, a fourth is refused unsent.
func TestKnownLayers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.process(t, "vault", "cat ~/bob.json")
	for range 2 {
		r := w.Run(t, "--no-cache", "--source-profile", "vault", "--allow", "ec2:*", "--allow", "sts:GetScopedCredentials")
		w.Creds(t, r)
		harness.Must(t, w.Write("bob.json", r.Stdout))
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.third]\nsource_profile = \"vault\"\nallow = [\"ec2:Describe*\"]\n"))
	w.Creds(t, w.Run(t, "--profile", "third"))
	line := []string{"--profile", "third", "--allow", "ec2:DescribeImages"}
	calls := w.STS.Count("GetScopedCredentials")
	r := w.Run(t, line...)
	if r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "3 policies of GetScopedCredentials on them already") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	// The third layer once more, since it allows a fourth; the fourth never.
	if n := w.STS.Count("GetScopedCredentials") - calls; n > 1 {
		t.Errorf("%d requests", n)
	}
	if n := w.STS.Succeeded("GetScopedCredentials"); n != w.STS.Count("GetScopedCredentials") {
		t.Error("a request was refused by STS")
	}
}

// An answer about another principal than the one that was narrowed is thrown away, whatever named that one:
// STS of the source, of a role, of a session that names nobody, or of a narrowed session.
func TestAnswerAboutAnother(t *testing.T) {
	t.Parallel()
	w, sources := narrowWorld(t, harness.NewWorld(t))
	w.Env["USER"] = userName(t)
	for name, args := range map[string][]string{
		"Identity Center":  append(sources["Identity Center"].args, "--read-only"),
		"aws login":        append(sources["aws login"].args, "--read-only"),
		"session with MFA": append(sources["session with MFA"].args, "--read-only"),
		"role":             append(sources["role"].args, "--duration", "5m"),
		"keys":             append(sources["keys"].args, "--allow", "ec2:*", "--duration", "5m"),
	} {
		t.Run(name, func(t *testing.T) {
			w.STS.Fault(emulator.Fault{Kind: emulator.OtherIdentity, Op: "GetScopedCredentials", ARN: "arn:aws:sts::" + harness.Account + ":assumed-role/team/mallory"})
			r := w.Run(t, args...)
			if r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "mallory") || !strings.Contains(r.Stderr, "another identity") {
				t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			w.STS.ClearFaults()
		})
	}
}

// Where by STS's clock less is left of the session than was asked for, what is narrowed ends with it.
func TestLifeByTheClockOfSTS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetNow(func() time.Time { return time.Now().Add(2 * time.Minute) })
	w.print(t, "bob")
	w.process(t, "vault", "cat ~/bob.json")
	d := w.Creds(t, w.Run(t, "--source-profile", "vault", "--allow", "ec2:*", "--duration", "1h"))
	id, _ := w.STS.Lookup(d.AccessKeyId)
	parent, _ := w.STS.Lookup(id.IssuedTo)
	if !id.Expiration.Equal(parent.Expiration) {
		t.Errorf("ends %s, and what it is made from %s", id.Expiration, parent.Expiration)
	}
	if n := w.STS.Count("GetScopedCredentials"); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// A command that turns out to print a user's key: what GetScopedCredentials does not take it gets from the
// operations that take such a key.
func TestUsersKeyOfACommand(t *testing.T) {
	t.Parallel()
	w, sources := narrowWorld(t, harness.NewWorld(t))
	w.Env["USER"] = userName(t)
	for args, want := range map[string]string{
		"--duration 1h":              "GetSessionToken",
		"--duration 60":              "GetScopedCredentials",
		"--allow ec2:DescribeImages": "GetFederationToken",
		"--read-only --duration 1h":  "GetFederationToken",
		"--read-only --duration 60":  "GetScopedCredentials",
		"--allow ec2:* --read-only":  "GetScopedCredentials",
	} {
		d := w.Parse(t, w.Run(t, append(sources["process with a key"].args, strings.Fields(args)...)...).Stdout)
		id, _ := w.STS.Lookup(d.AccessKeyId)
		if id.Operation != want {
			t.Errorf("%s: %s, want %s", args, id.Operation, want)
		}
		if strings.Contains(args, "60") && id.Expiration.Sub(id.Issued) > time.Minute {
			t.Errorf("%s: lives %s", args, id.Expiration.Sub(id.Issued))
		}
		if strings.Contains(args, "read-only") && w.S3(t, d, "PUT", "/bucket/key") != 403 {
			t.Errorf("%s: may write", args)
		}
	}
}
