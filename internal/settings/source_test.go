package settings_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

var envKeys = []string{"AWS_ACCESS_KEY_ID=AKIAENV", "AWS_SECRET_ACCESS_KEY=CANARYenv"}

const sources = `[profile static]
aws_access_key_id = AKIASTATIC
aws_secret_access_key = CANARY
[profile session]
aws_access_key_id = ASIASTATIC
aws_secret_access_key = CANARY
aws_session_token = CANARY
[profile process]
credential_process = /bin/other --x
[profile sso]
sso_session = s
sso_account_id = 1
sso_role_name = r
[sso-session s]
sso_region = eu-west-1
sso_start_url = https://x
[profile oldsso]
sso_region = eu-west-1
sso_start_url = https://x
sso_account_id = 1
sso_role_name = r
[profile login]
login_session = arn:x
[profile nothing]
region = eu-west-1
[profile ec2]
role_arn = arn:aws:iam::1:role/ec2
credential_source = Ec2InstanceMetadata
[profile ecs]
role_arn = arn:aws:iam::1:role/ecs
credential_source = EcsContainer
[profile envrole]
role_arn = arn:aws:iam::1:role/env
credential_source = Environment
[profile web]
role_arn = arn:aws:iam::1:role/web
web_identity_token_file = /t
`

func TestSourceKinds(t *testing.T) {
	w := newWorld(t).config(sources)
	for name, kind := range map[string]request.SourceKind{
		"static": request.SourceStatic, "session": request.SourceStatic, "process": request.SourceProcess, "sso": request.SourceSSO, "oldsso": request.SourceSSO,
		"login": request.SourceLogin, "nothing": request.SourceDefault,
	} {
		s := w.load("--source-profile=" + name).Source
		if s.Kind != kind || s.Profile != name || !slices.Equal(s.Files, []string{filepath.Join(w.home, ".aws/config")}) {
			t.Errorf("%s: %+v", name, s)
		}
		if (s.AccessKeyID == "") == (s.Digest == "") {
			t.Errorf("%s: one of key id and digest must identify it: %+v", name, s)
		}
		if s.Session != (name == "session") {
			t.Errorf("%s: session %v", name, s.Session)
		}
	}
	if got := w.load("--source-profile=process").Source.Command; got != "/bin/other --x" {
		t.Errorf("command %q", got)
	}
	if r := w.load("--source-profile=ec2"); r.Source.Kind != request.SourceInstance || r.RoleARN == "" {
		t.Errorf("%+v", r)
	}
	if r := w.load("--source-profile=web"); r.Operation != "AssumeRoleWithWebIdentity" || r.WebIdentityTokenFile != "/t" || r.Source.Kind != request.SourceNone {
		t.Errorf("%+v", r)
	}
	w.fail(settings.Config, []string{"~/.aws/config:", "EcsContainer"}, "--source-profile=ecs")
	w.fail(settings.Config, []string{"~/.aws/config:", "Environment"}, "--source-profile=envrole")
	w.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x")
	if r := w.load("--source-profile=ecs"); r.Source.Kind != request.SourceContainer {
		t.Errorf("%+v", r)
	}
	w.set(envKeys...)
	if r := w.load("--source-profile=envrole"); r.Source.Kind != request.SourceEnvironment || r.Source.AccessKeyID != "AKIAENV" {
		t.Errorf("%+v", r)
	}
}

func TestSourceOrder(t *testing.T) {
	w := newWorld(t)
	source := func(want request.SourceKind, key string, args ...string) request.Source {
		t.Helper()
		s := w.load(args...).Source
		if s.Kind != want || s.AccessKeyID != key {
			t.Errorf("%+v, want %s %s", s, want, key)
		}
		return s
	}
	source(request.SourceDefault, "")
	w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/x")
	source(request.SourceContainer, "")
	w.config("[default]\nregion = x\n")
	source(request.SourceContainer, "")
	w.credentials("[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key=CANARY\n" + baseKeys)
	source(request.SourceStatic, "AKIADEFAULT")
	w.set("AWS_DEFAULT_PROFILE=base")
	source(request.SourceStatic, "AKIABASE")
	w.set("AWS_PROFILE=default")
	source(request.SourceStatic, "AKIADEFAULT")
	w.set(envKeys...)
	source(request.SourceEnvironment, "AKIAENV")
	source(request.SourceStatic, "AKIABASE", "--source-profile=base")
	w.set("AWS_SESSION_TOKEN=CANARY")
	if !source(request.SourceEnvironment, "AKIAENV").Session {
		t.Error("the environment's keys are temporary")
	}
	w.set("AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_ACCESS_KEY=AKIAOLD", "AWS_SECRET_KEY=CANARY")
	source(request.SourceEnvironment, "AKIAOLD")
	w.set("AWS_SECRET_KEY=") // half a pair is none
	source(request.SourceStatic, "AKIADEFAULT")
}

func TestWebIdentityOfEnvironment(t *testing.T) {
	w := newWorld(t).set("AWS_WEB_IDENTITY_TOKEN_FILE=/t", "AWS_ROLE_ARN=arn:w", "AWS_ROLE_SESSION_NAME=pod")
	r := w.load()
	if r.Operation != "AssumeRoleWithWebIdentity" || r.RoleARN != "arn:w" || r.WebIdentityTokenFile != "/t" || r.RoleSessionName != "pod" || r.Base != nil {
		t.Errorf("%+v", r)
	}
	r = w.load("--role-arn=arn:x")
	if r.Operation != "AssumeRole" || r.RoleARN != "arn:x" || r.RoleSessionName != "sts-helper-ada" || r.Base == nil || r.Base.RoleARN != "arn:w" {
		t.Errorf("%+v", r)
	}
	w.credentials(baseKeys).set("AWS_PROFILE=base")
	if r := w.load(); r.Source.AccessKeyID != "AKIABASE" {
		t.Errorf("%+v", r)
	}
	w.set("AWS_PROFILE=", "AWS_ROLE_ARN=")
	w.fail(settings.Config, []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"})
}

// TestDigest: whatever defines a source without a key of its own changes its digest, and a
// secret does not.
func TestDigest(t *testing.T) {
	digest := func(config string, vars ...string) string {
		w := newWorld(t)
		source := w.config(config).set(vars...).load("--source-profile=sso").Source
		if len(source.Digest) != 64 {
			t.Errorf("digest %q", source.Digest)
		}
		key := ""
		for _, in := range source.Inputs() {
			key += in.Name + " " + strings.ReplaceAll(*in.Value, w.home, "~") + "\n"
		}
		return key
	}
	base := digest(sources)
	for _, change := range [][2]string{{"sso_account_id = 1", "sso_account_id = 2"}, {"[sso-session s]\nsso_region = eu-west-1", "[sso-session s]\nsso_region = eu-west-2"}} {
		if digest(strings.Replace(sources, change[0], change[1], 1)) == base {
			t.Errorf("%q for %q makes no difference", change[1], change[0])
		}
	}
	if digest(strings.Replace(sources, "[profile nothing]", "[profile something]", 1)) != base {
		t.Error("another profile makes a difference")
	}
	if digest(strings.Replace(sources, "sso_role_name = r", "sso_role_name = r\naws_session_token = CANARY", 1)) != base {
		t.Error("a secret makes a difference")
	}
	if a, b := digest(sources), digest(strings.Replace(sources, "sso_account_id = 1\nsso_role_name = r", "sso_role_name = r\nsso_account_id = 1", 1)); a != b {
		t.Error("the order makes a difference")
	}
	container := func(vars ...string) string { return newWorld(t).set(vars...).load().Source.Digest }
	if container("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/a") == container("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/b") {
		t.Error("another container endpoint is the same source")
	}
	if container("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/a") != container("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/a", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/b") {
		t.Error("a container endpoint that is not used makes a difference")
	}
	if container() == container("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1") {
		t.Error("another metadata service is the same source")
	}
}

func TestSourceErrors(t *testing.T) {
	for _, tt := range []struct {
		config string
		want   []string
	}{
		{"[profile dev]\nsource_profile = b\n", []string{"~/.aws/config:2", "role_arn"}},
		{"[profile dev]\ncredential_process = x\nsource_profile = b\n", []string{":3", "--source-profile b"}},
		{"[profile dev]\nrole_arn = r\nsource_profile = b\ncredential_process = x\n", []string{":4", "source_profile and credential_process"}},
		{"[profile dev]\nrole_arn = r\nsource_profile = missing\n", []string{":3", `"missing"`}},
		{"[profile dev]\nrole_arn = r\nsource_profile = empty\n[profile empty]\nregion = x\n", []string{`"empty"`, `"dev"`, "no credentials"}},
		{"[profile dev]\nrole_arn = r\ncredential_source = Moon\n", []string{":3", `"Moon"`, "EcsContainer"}},
		{"[profile dev]\naws_access_key_id = A\n", []string{":2", "aws_secret_access_key"}},
		{"[profile dev]\naws_access_key_id = CANARY/+\naws_secret_access_key = CANARY\n", []string{":2", "not an access key id"}},
		{"[profile dev]\nsso_session = gone\n", []string{":2", "[sso-session gone]"}},
		{"[profile dev]\nrole_arn = r\nsource_profile = dev\n", []string{"circle", `"dev" -> "dev"`}},
		{"[profile dev]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = c\n[profile c]\nrole_arn = r\nsource_profile = b\n", []string{`"b" -> "c" -> "b"`}},
		{"[profile dev]\nrole_arn = r\naws_access_key_id=A\naws_secret_access_key=B\nduration_seconds = 1e9\n", []string{":5", `"1e9"`, "900"}},
		{"[profile dev]\nrole_arn = r\naws_access_key_id=A\naws_secret_access_key=B\nduration_seconds = 1000000000\n", []string{":5", "43200"}},
		{"[profile dev]\nrole_arn = r\nsource_profile = b\nduration_seconds = 7200\n[profile b]\nrole_arn = r\naws_access_key_id=A\naws_secret_access_key=B\nsource_profile=b\n", []string{":4", "hour"}},
		{"[profile dev]\nregion = eu_west_1\n", []string{":2", "eu-west-1"}},
		{"[dev]\nregion = x\n", []string{"~/.aws/config:1", "[profile dev]"}},
		{"\ufeff[profile dev]\nregion = x\n", []string{"byte order mark"}},
		{"[profile deva]\n", []string{"~/.aws/config", "~/.aws/credentials", `did you mean "deva"?`}},
	} {
		w := newWorld(t).config(tt.config)
		kind := settings.Config
		if strings.Contains(strings.Join(tt.want, " "), "did you") {
			kind = settings.Usage // the profile that the flag names does not exist
		}
		w.fail(kind, tt.want, "--source-profile=dev")
	}
	w := newWorld(t).set("AWS_PROFILE=dev\x1b[2J")
	w.fail(settings.Config, []string{"AWS_PROFILE", `\x1b[2J`})
	w.set(envKeys...).load()
	newWorld(t).toml("[profile.x]\n").fail(settings.Usage, []string{`--profile "x"`}, "--source-profile=x")
}

func TestLoopsThatTheSDKAllows(t *testing.T) {
	w := newWorld(t).config("[profile self]\nrole_arn = r\nsource_profile = self\naws_access_key_id = AKIASELF\naws_secret_access_key = B\n" +
		"[profile a]\nrole_arn = ra\nsource_profile = b\naws_access_key_id = AKIAA\naws_secret_access_key = B\n[profile b]\nrole_arn = rb\nsource_profile = a\n")
	if r := w.load("--source-profile=self"); r.RoleARN != "r" || r.Source.AccessKeyID != "AKIASELF" {
		t.Errorf("%+v", r)
	}
	if r := w.load("--source-profile=a"); r.RoleARN != "ra" || r.Base.RoleARN != "rb" || r.Base.Source.AccessKeyID != "AKIAA" {
		t.Errorf("%+v", r)
	}
}

func TestSelfReference(t *testing.T) {
	fix := []string{"~/.aws/config:2", "credential_process = sts-helper --source-profile NAME"}
	for command, loops := range map[string]bool{
		"sts-helper": true, "/usr/local/bin/sts-helper process": true, `"/opt/my tools/sts-helper" -v`: true, "profile.test": true, `C:/bin/sts-helper.exe`: true,
		"sts-helper --source-profile dev": true, "sts-helper --source-profile=dev": true, "sts-helper --profile loop": true,
		"sts-helper --source-profile base": false, "sts-helper --profile good": false, "other-helper": false, "echo sts-helper": false,
		"sts-helper --granted g": false, "sts-helper --role-arn r --web-identity-token-file /t": false,
	} {
		w := newWorld(t).credentials(baseKeys).config("[profile dev]\ncredential_process = " + command + "\n[profile role]\nrole_arn = r\nsource_profile = dev\n").
			toml("[profile.loop]\nsource_profile = 'dev'\n[profile.good]\nsource_profile = 'base'\n").set("AWS_PROFILE=dev")
		explicit := flags("--source-profile=dev")
		if !loops {
			if r := w.load(); r.Source.Kind != request.SourceProcess {
				t.Errorf("%s: %+v", command, r)
			}
			if _, err := settings.Load(explicit, w.env()); err != nil {
				t.Errorf("%s: %v", command, err)
			}
			continue
		}
		if line, _ := strings.CutSuffix(command, " process"); strings.ContainsAny(line, " ") {
			w.fail(settings.Config, append([]string{"AWS_PROFILE", `"dev"`}, fix...))
		} else {
			w.fail(settings.Config, append([]string{"names no source"}, fix...)) // whatever AWS_PROFILE says
		}
		w.fail(settings.Config, append([]string{`"dev"`}, fix...), "--source-profile=dev")
		w.load("--source-profile=base")
		// With keys in the environment the inner helper would use those, unless its line names a source.
		w.set(envKeys...).load()
		if command == "sts-helper" {
			w.load("--source-profile=dev")
		} else if strings.Contains(command, "dev") {
			w.fail(settings.Config, fix, "--source-profile=dev")
		}
	}
	// Named by a variable the source is inherited by the inner helper.
	w := newWorld(t).config("[profile dev]\ncredential_process = sts-helper\n").set("STS_HELPER_SOURCE_PROFILE=dev")
	w.fail(settings.Config, fix)
	// Without any variable it is the default profile that would be asked again.
	newWorld(t).config("[default]\ncredential_process = sts-helper\n").fail(settings.Config, fix)
	// One helper may use another: dev asks outer, outer asks us for base.
	w = newWorld(t).credentials(baseKeys).config("[profile outer]\ncredential_process = sts-helper --source-profile base\n").set("AWS_PROFILE=outer")
	if r := w.load("--role-arn=arn:x"); r.Source.Kind != request.SourceProcess {
		t.Errorf("%+v", r)
	}
	// Through a role.
	w = newWorld(t).config("[profile role]\nrole_arn = r\nsource_profile = dev\n[profile dev]\ncredential_process = sts-helper\n").set("AWS_PROFILE=role")
	w.fail(settings.Config, []string{"names no source", "~/.aws/config:5"})
}

// Quotes at both ends of a command are one pair only where there is none between them.
func TestQuotesAroundCommands(t *testing.T) {
	for line, want := range map[string]string{
		`"/opt/a b/tool" --account "my own"`: `"/opt/a b/tool" --account "my own"`,
		`'a b' 'c'`:                          `'a b' 'c'`,
		`"a" b`:                              `"a" b`,
		`"tool --flag"`:                      `tool --flag`,
		`'tool "x y"'`:                       `tool "x y"`,
		`"a' 'b"`:                            `a' 'b`,
	} {
		r := newWorld(t).config("[profile dev]\ncredential_process = "+line+"\n").load("--source-profile=dev", "--role-arn=arn:aws:iam::123456789012:role/r")
		for r.Base != nil {
			r = r.Base
		}
		if r.Source.Command != want {
			t.Errorf("%s is read as %s, want %s", line, r.Source.Command, want)
		}
	}
}

// A file in UTF-16 has no section that could be found, and so no device and no region.
func TestUTF16(t *testing.T) {
	for name, text := range map[string]string{
		"little endian with a mark": "\xff\xfe[\x00b\x00",
		"big endian with a mark":    "\xfe\xff\x00[\x00b",
		"little endian":             "[\x00b\x00",
		"big endian":                "\x00[\x00b",
	} {
		newWorld(t).credentials(baseKeys).config(text).fail(settings.Config, []string{"~/.aws/config", "UTF-16", "UTF-8"}, "--source-profile=base")
		newWorld(t).config("[profile base]\nregion = eu-west-1\n").credentials(text).fail(settings.Config, []string{"~/.aws/credentials", "UTF-16", "UTF-8"}, "--source-profile=base")
		newWorld(t).credentials(text).fail(settings.Config, []string{"~/.aws/credentials", "UTF-16"})
		newWorld(t).config("[default]\nregion = eu-west-1\n").credentials(text).fail(settings.Config, []string{"~/.aws/credentials", "UTF-16"})
		if t.Failed() {
			t.Fatal(name)
		}
	}
	newWorld(t).config("[default]\nregion = eu-west-1\n").credentials("\n").load()
}
