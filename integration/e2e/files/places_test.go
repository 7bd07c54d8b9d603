package files_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// The partition of an ARN decides which STS is asked where no region is named, and what contradicts it is
// refused. Nothing is sent to another partition, and messages name the host that was really asked.
func TestPartitions(t *testing.T) {
	t.Parallel()
	rows := []row{
		{name: "nothing said", args: "--source-profile base", hosts: "sts.us-east-1.amazonaws.com"},
		{name: "region in the credentials file", credentials: base + "region = us-gov-west-1\n", args: "--source-profile base", hosts: "sts.us-gov-west-1.amazonaws.com"},
		{name: "region of China", config: "[profile base]\nregion = cn-north-1\n", args: "--source-profile base", hosts: "sts.cn-north-1.amazonaws.com.cn"},
		{name: "a zone for a region", config: "[profile base]\nregion = us-east-1a\n", args: "--source-profile base", code: harness.ExitConfig, says: "us-east-1a|us-east-1"},
		{name: "a zone on the line", args: "--source-profile base --region eu-west-1b", code: harness.ExitUsage, says: "eu-west-1"},
	}
	// The hosts are those of https://docs.aws.amazon.com/general/latest/gr/sts.html, and for partitions that
	// are not in it those of botocore's partitions.json.
	for partition, host := range map[string]string{"aws-us-gov": "sts.us-gov-west-1.amazonaws.com", "aws-cn": "sts.cn-north-1.amazonaws.com.cn", "aws-iso": "sts.us-iso-east-1.c2s.ic.gov",
		"aws-iso-b": "sts.us-isob-east-1.sc2s.sgov.gov", "aws-iso-e": "sts.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-f": "sts.us-isof-south-1.csp.hci.ic.gov", "aws-eusc": "sts.eusc-de-east-1.amazonaws.eu"} {
		for what, args := range map[string]string{
			"a role":   "--source-profile base --role-arn arn:" + partition + ":iam::111122223333:role/a",
			"a device": "--source-profile base --mfa-serial arn:" + partition + ":iam::111122223333:mfa/ana --mfa-code 012345",
			"a policy": "--source-profile base --federation-name bob --policy-arn arn:" + partition + ":iam::aws:policy/ReadOnlyAccess",
		} {
			rows = append(rows,
				row{name: what + " of " + partition, args: args, hosts: host, code: harness.ExitUnreachable, says: host},
				row{name: what + " of " + partition + " against the region", args: args + " --region eu-west-1", code: harness.ExitUsage, says: partition})
		}
		arn := "arn:" + partition + ":iam::111122223333:"
		devices, roles := "[profile base]\nmfa_serial = "+arn+"mfa/ana\n", "[profile r]\nrole_arn = "+arn+"role/a\nsource_profile = base\n"
		rows = append(rows,
			row{name: "a device of " + partition + " in the profile", config: devices, args: "--source-profile base --mfa-code 012345", hosts: host, code: harness.ExitUnreachable, says: host},
			row{name: "a role of " + partition + " in the profile", config: roles, args: "--source-profile r", hosts: host, code: harness.ExitUnreachable, says: host},
			row{name: "both of " + partition, config: devices + roles, args: "--source-profile r --mfa-code 012345", hosts: host, code: harness.ExitUnreachable, says: host},
			row{name: "a role of " + partition + " against AWS_REGION", config: roles, args: "--source-profile r", env: []string{"AWS_REGION=eu-west-1"}, code: harness.ExitConfig, says: "AWS_REGION|" + partition},
			row{name: "a device of " + partition + " against the profile's region", config: devices + "region = eu-west-1\n", args: "--source-profile base --mfa-code 012345", code: harness.ExitConfig, says: "config:3|" + partition},
			row{name: "a role of " + partition + " with a device of aws", config: "[profile base]\nmfa_serial = arn:aws:iam::111122223333:mfa/ana\n" + roles, args: "--source-profile r --mfa-code 012345", code: harness.ExitConfig, says: partition},
			row{name: "a role of aws with a device of " + partition, config: devices, args: "--source-profile base --role-arn arn:aws:iam::111122223333:role/a --mfa-code 012345", code: harness.ExitConfig, says: partition},
			row{name: "policies of aws and of " + partition, args: "--source-profile base --federation-name bob --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess --policy-arn arn:" + partition + ":iam::aws:policy/ReadOnlyAccess", code: harness.ExitConfig, says: partition})
	}
	// Messages name the host that was really asked.
	for _, tt := range [][2]string{{"AWS_REGION=us-west-2", "sts.us-west-2.amazonaws.com"}, {"AWS_USE_FIPS_ENDPOINT=true", "sts-fips.us-east-1.amazonaws.com"}, {"AWS_USE_DUALSTACK_ENDPOINT=true", "sts.us-east-1.api.aws"},
		{"AWS_ENDPOINT_URL=https://proxy.example.com/sts", "proxy.example.com"}, {"AWS_ENDPOINT_URL_STS=https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", "vpce-1.sts.eu-west-1.vpce.amazonaws.com"}} {
		rows = append(rows, row{name: tt[0], env: []string{tt[0]}, args: "--source-profile base", hosts: tt[1]})
	}
	for i := range rows {
		rows[i].real = true
		if rows[i].hosts != "" && rows[i].code == 0 {
			rows[i].code, rows[i].says = harness.ExitUnreachable, rows[i].hosts
		}
	}
	try(t, rows)
}

// Endpoints and certificates of the profile and of its services section.
func TestEndpointsOfTheProfile(t *testing.T) {
	t.Parallel()
	try(t, []row{
		{name: "services", real: true, config: "[profile base]\nservices = local\nregion = eu-west-1\n[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:1\nsts =\n  endpoint_url = {STS}\n", args: "--source-profile base", asks: "GetSessionToken", region: "eu-west-1"},
		{name: "quoted services", real: true, config: "[profile base]\nservices = my local\n[services \"my local\"]\nsts =\n  endpoint_url = {STS}\n", args: "--source-profile base", asks: "GetSessionToken"},
		{name: "endpoint_url", real: true, config: "[profile base]\nendpoint_url = {STS}\n", args: "--source-profile base", asks: "GetSessionToken"},
		{name: "unencrypted elsewhere", real: true, config: "[profile base]\nendpoint_url = http://localstack:4566\n", args: "--source-profile base", code: harness.ExitConfig, says: "unencrypted|config:2"},
		{name: "a services section that there is not", real: true, config: "[profile base]\nservices = nosuch\n", args: "--source-profile base", code: harness.ExitConfig, says: "config:2|[services nosuch]"},
	})
	secure := harness.NewWorld(t)
	sts := emulator.New(emulator.World{})
	u := sts.AddUser(harness.Account, "alice")
	harness.Must(t, sts.StartTLS())
	t.Cleanup(sts.Close)
	harness.Must(t, secure.Write("ca.pem", string(sts.CAPEM())))
	harness.Must(t, secure.Write(".aws/credentials", "[base]\naws_access_key_id = "+u.AccessKeyID+"\naws_secret_access_key = "+u.SecretAccessKey+"\n"))
	secure.Env["AWS_ENDPOINT_URL_STS"] = sts.URL()
	keys := secure.Read(t, ".aws/credentials")
	for _, tt := range []struct {
		config, bundle string
		code           int
	}{
		{"[profile base]\n", "", harness.ExitUnreachable},
		{"[profile base]\nca_bundle = " + filepath.Join(secure.Dir, "ca.pem") + "\n", "", 0},
		{"[profile base]\nca_bundle = ~/ca.pem\n", "", 0},
		{"[profile base]\nca_bundle = /missing.pem\n", "", harness.ExitConfig},
		{"[profile base]\nca_bundle = /missing.pem\n", filepath.Join(secure.Dir, "ca.pem"), 0}, // the variable wins
		{"[profile base]\nca_bundle = " + filepath.Join(secure.Dir, ".aws", "config") + "\n", "", harness.ExitConfig},
		{"[profile r]\nca_bundle = ~/ca.pem\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n", "", harness.ExitUnreachable},
	} {
		harness.Must(t, os.RemoveAll(secure.Cache()))
		harness.Must(t, secure.Write(".aws/config", tt.config))
		harness.Must(t, secure.Write(".aws/credentials", keys))
		delete(secure.Env, "AWS_CA_BUNDLE")
		if tt.bundle != "" {
			secure.Env["AWS_CA_BUNDLE"] = tt.bundle
		}
		if r := secure.Run(t, "--source-profile", "base"); r.Code != tt.code {
			t.Errorf("%q: exit %d, want %d: %s", tt.config, r.Code, tt.code, r.Stderr)
		}
	}
}

// Commands: their quotes, and the times that they print. Our own line is known however it is quoted.
func TestCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document := func(expires string) string {
		b, err := json.Marshal(map[string]any{"Version": 1, "AccessKeyId": "ASIACANARYPROC000001", "SecretAccessKey": "CANARYs3", "SessionToken": "CANARYt", "Expiration": expires})
		harness.Must(t, err)
		return string(b)
	}
	const far = "2099-01-01T00:00:00Z"
	script := "#!/bin/sh\nprintf '%s|' \"$@\" >\"$HOME/args\"\ncat \"$HOME/doc.json\"\n"
	for _, name := range []string{"my dir/get it.sh", "get.sh"} {
		harness.Must(t, w.Write(name, script))
		harness.Must(t, os.Chmod(filepath.Join(w.Dir, name), 0o755))
	}
	run := func(config, doc string) (harness.Result, string) {
		harness.Must(t, os.RemoveAll(w.Cache()))
		harness.Must(t, os.RemoveAll(filepath.Join(w.Dir, "args")))
		harness.Must(t, w.Write(".aws/config", "[profile p]\n"+w.fill(config)+"\n"))
		harness.Must(t, w.Write("doc.json", doc))
		r := w.Run(t, "--source-profile", "p")
		args, _ := os.ReadFile(filepath.Join(w.Dir, "args"))
		return r, string(args)
	}
	for line, want := range map[string]string{
		`credential_process = "{HOME}/get.sh" "Vault" "AWS Access Key"`:               "Vault|AWS Access Key|",
		`credential_process = '{HOME}/get.sh' 'AWS Access Key'`:                       "AWS Access Key|",
		`credential_process = "{HOME}/my dir/get it.sh" a b`:                          "a|b|",
		`credential_process = {HOME}/my\ dir/get\ it.sh a`:                            "a|",
		`credential_process = sh -c "printf '%s|' \"x y\" >$HOME/args; cat doc.json"`: "x y|",
		`credential_process = {HOME}/get.sh --key="a b" 'c d'e`:                       "--key=a b|c de|",
		"credential_process = {HOME}/get.sh a  ":                                      "a|",
		`credential_process = "{HOME}/get.sh" "a" # a comment`:                        "a|",
		`credential_process={HOME}/get.sh "" b`:                                       "|b|",
	} {
		if r, args := run(line, document(far)); r.Code != 0 || args != want {
			t.Errorf("%s: exit %d, %q, want %q; %s", line, r.Code, args, want, r.Stderr)
		}
	}
	for expires, good := range map[string]bool{
		far: true, "2099-01-01T00:00:00+01:00": true, "2099-01-01T00:00:00+0100": true, "2099-01-01T00:00:00-0530": true,
		"2099-01-01T00:00:00.123456Z": true, "2099-01-01T00:00:00.123-05:00": true,
		"2099-01-01T00:00:00": false, "2099-01-01": false, "4070908800": false, "tomorrow": false, "2001-01-01T00:00:00Z": false, "2099-13-01T00:00:00Z": false,
	} {
		r, _ := run("credential_process = {HOME}/get.sh", document(expires))
		if (r.Code == 0) != good || !good && !strings.Contains(r.Stderr, "Expiration") && !strings.Contains(r.Stderr, "expired") {
			t.Errorf("%s: exit %d, %s", expires, r.Code, r.Stderr)
		}
	}
	for i, line := range []string{`"%s" "--source-profile" "base"`, `'%s' --source-profile base`, `%s --source-profile 'base'`, `"%s" process --source-profile base`} {
		config := fmt.Sprintf("[profile dev]\ncredential_process = "+line+"\n", w.Bin)
		harness.Must(t, w.Write(".aws/config", config))
		before := w.STS.Count("GetSessionToken")
		if r := w.Run(t, "login", "dev", "--force"); r.Code != 0 || w.STS.Count("GetSessionToken") != before+1 {
			t.Errorf("%d: login does not know %s as ours: exit %d, %s", i, line, r.Code, r.Stderr)
		}
	}
}

// --profile is an entry, else an AWS profile; a bare line means what its user means.
func TestProfilesAndBareLines(t *testing.T) {
	t.Parallel()
	const keys = base + "[default]\naws_access_key_id = {BOB}\naws_secret_access_key = {BOBSECRET}\n"
	const none = "[default]\nregion = eu-west-1\n"
	one := "[profile dev]\ncredential_process = sts-helper\n"
	two := one + "[profile prod]\ncredential_process = sts-helper\n"
	entry := "[profile.dev]\nsource_profile = \"base\"\n"
	try(t, []row{
		{name: "an entry", toml: entry, args: "--profile dev", asks: "GetSessionToken", by: "{ID}"},
		{name: "an AWS profile", args: "--profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "an AWS profile that runs us", config: "[profile ours]\ncredential_process = sts-helper --source-profile base --role-arn {ROLE}/a\n", args: "--profile ours", asks: "AssumeRole", role: "{ROLE}/a"},
		{name: "the entry where both have the name", config: "[profile base]\nregion = eu-west-3\n", toml: "[profile.base]\nsource_profile = \"base\"\nregion = \"eu-west-1\"\n", args: "--profile base", asks: "GetSessionToken", region: "eu-west-1"},
		{name: "neither", toml: entry, args: "--profile dav", code: harness.ExitUsage, says: "did you mean|dev"},
		{name: "bare: the default profile's keys", config: one, credentials: keys, env: []string{"AWS_PROFILE=dev"}, asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: else the environment's", config: one, env: []string{"AWS_PROFILE=dev", "AWS_ACCESS_KEY_ID={BOB}", "AWS_SECRET_ACCESS_KEY={BOBSECRET}"}, asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: the one section's entry", config: one, credentials: keys, toml: entry, env: []string{"AWS_PROFILE=dev"}, asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: whatever AWS_PROFILE another set", config: one, credentials: keys, toml: entry, env: []string{"AWS_PROFILE=other"}, asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: several sections, no entries", config: two, credentials: keys, env: []string{"AWS_PROFILE=prod"}, asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: no section, AWS_PROFILE counts", credentials: keys, env: []string{"AWS_PROFILE=base"}, asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: no section, the default profile's keys", credentials: keys, asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: the section is the default one, the environment has keys", config: none + "credential_process = sts-helper\n", env: []string{"AWS_ACCESS_KEY_ID={BOB}", "AWS_SECRET_ACCESS_KEY={BOBSECRET}"}, asks: "GetSessionToken", by: "{BOB}", region: "eu-west-1"},
		{name: "bare: keys nowhere", config: one, env: []string{"AWS_PROFILE=dev"}, code: harness.ExitConfig, says: "config:2|--source-profile NAME"},
		{name: "bare: not the keys of the profile that AWS_PROFILE names", config: one, env: []string{"AWS_PROFILE=base"}, code: harness.ExitConfig, says: "config:2|--source-profile NAME"},
		{name: "bare: the default profile's keys before the environment's", config: one, credentials: keys, env: []string{"AWS_PROFILE=dev", "AWS_ACCESS_KEY_ID={ID}", "AWS_SECRET_ACCESS_KEY={SECRET}"}, asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: in the credentials file", credentials: keys + "[dev]\ncredential_process = sts-helper\n", toml: entry, asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: a quoted name", config: "[profile \"my dev\"]\ncredential_process = sts-helper\n", credentials: keys, toml: "[profile.\"my dev\"]\nsource_profile = \"base\"\n", asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: a path, quotes, and the command's word", config: "[profile dev]\ncredential_process = \"/opt/my tools/sts-helper\" 'process'\n", credentials: keys, toml: entry, args: "process", asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: an entry of another name", config: two, credentials: keys, toml: "[profile.x]\nsource_profile = \"base\"\n", env: []string{"AWS_PROFILE=dev"}, asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: the entry default", config: two, credentials: keys, toml: "[profile.default]\nsource_profile = \"base\"\n", env: []string{"AWS_PROFILE=dev"}, asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: several sections, each with an entry", config: two, credentials: keys, toml: entry + "[profile.prod]\nsource_profile = \"default\"\n", env: []string{"AWS_PROFILE=prod"}, code: harness.ExitConfig, says: "sts-helper --profile dev|sts-helper --profile prod"},
		{name: "bare: lines that differ are told apart", config: "[profile dev]\ncredential_process = sts-helper --duration 1h\n[profile prod]\ncredential_process = sts-helper --duration 2h\n", credentials: keys, toml: entry + "[profile.prod]\nsource_profile = \"default\"\n", args: "--duration 2h", asks: "GetSessionToken", by: "{BOB}"},
		{name: "bare: the source is named by a variable", config: two, credentials: keys, toml: entry, env: []string{"STS_HELPER_SOURCE_PROFILE=base"}, asks: "GetSessionToken", by: "{ID}"},
		{name: "bare: several sections that entries tell apart", config: two, credentials: keys, toml: entry, env: []string{"AWS_PROFILE=dev"}, code: harness.ExitConfig, says: "sts-helper --profile dev|sts-helper --profile prod"},
	})
}

// --profile, its variable and a name as an argument mean the same to every command.
func TestProfileMeansTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"entry": "AssumeRole {ROLE}/a", "base": "GetSessionToken", "ours": "AssumeRole {ROLE}/b", "role": "AssumeRole {ROLE}/app"} {
		for _, line := range []string{"--profile NAME", "process --profile NAME", "env NAME", "env --profile NAME", "exec NAME -- true", "exec --profile NAME -- true", "login NAME", "login --profile NAME", "variable", "serve --profile NAME"} {
			t.Run(strings.ReplaceAll(line, "NAME", name), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				harness.Must(t, w.Write(".aws/credentials", w.fill(base)))
				harness.Must(t, w.Write(".aws/config", w.fill("[profile ours]\ncredential_process = sts-helper --source-profile base --role-arn {ROLE}/b\n[profile role]\nrole_arn = {ROLE}/app\nsource_profile = base\n[profile entry]\nregion = eu-west-3\n")))
				harness.Must(t, w.Write(".config/sts-helper/config.toml", w.fill("[profile.entry]\nsource_profile = \"base\"\nrole_arn = \"{ROLE}/a\"\n")))
				args := strings.Fields(strings.ReplaceAll(line, "NAME", name))
				switch args[0] {
				case "variable":
					w.Env["STS_HELPER_PROFILE"], args = name, nil
				case "serve":
					s := w.Serve(t, args[1:]...)
					harness.Await(t, "a call", func() bool { return w.STS.Count("") > 0 || s.Base == "" })
					args = nil
				}
				if line != "serve --profile NAME" {
					if r := w.Run(t, args...); r.Code != 0 {
						t.Fatalf("exit %d: %s", r.Code, r.Stderr)
					}
				}
				all := w.STS.Requests()
				if len(all) == 0 {
					t.Fatal("STS was not asked")
				}
				if got := strings.TrimSpace(all[0].Operation + " " + all[0].RoleARN); len(all) != 1 || got != w.fill(want) {
					t.Errorf("%d calls, %s, want %s", len(all), got, w.fill(want))
				}
			})
		}
	}
}

// What AWS's own tools say of a login is said by us.
func TestLoginsThatAreMissing(t *testing.T) {
	t.Parallel()
	session := "[profile s]\nsso_session = my\nsso_account_id = 111122223333\nsso_role_name = Dev\n[sso-session my]\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\n"
	quoted := strings.NewReplacer("= my", "= My Corp Ltd", "-session my", "-session 'My Corp Ltd'").Replace(session)
	old := "[profile s]\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = Dev\n"
	var rows []row
	for name, config := range map[string]string{"session": session, "quoted session": quoted, "old form": old} {
		rows = append(rows, row{name: name, config: config, args: "--source-profile s --role-arn {ROLE}/a", code: harness.ExitInteraction, says: "aws sso login --profile s"})
	}
	rows = append(rows, row{name: "a session that there is not", config: strings.Replace(session, "-session my", "-session other", 1), args: "--source-profile s", code: harness.ExitConfig, says: "my"})
	try(t, rows)
	// A login that has expired is the same, in all forms of its time; what cannot be read is none.
	for name, key := range map[string]string{"session": "my", "old form": "https://d-1.awsapps.com/start"} {
		for _, text := range []string{`{"accessToken":"CANARY","expiresAt":"2020-01-01T00:00:00Z"}`, `{"accessToken":"CANARY","expiresAt":"2020-01-01T00:00:00UTC"}`,
			`{"accessToken":"CANARY","expiresAt":"2020-01-01T00:00:00+0100"}`, `{"accessToken":"CANARY"}`, `{"expiresAt":"2099-01-01T00:00:00Z"}`, `{`, ``} {
			w := newWorld(t)
			w.Env["HTTPS_PROXY"] = "http://127.0.0.1:1"
			harness.Must(t, w.Write(".aws/config", map[string]string{"session": session, "old form": old}[name]))
			harness.Must(t, w.Write(fmt.Sprintf(".aws/sso/cache/%x.json", sha1.Sum([]byte(key))), text))
			r := w.Run(t, "--source-profile", "s", "--role-arn", "arn:aws:iam::"+harness.Account+":role/a")
			if r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "aws sso login --profile s") || strings.Contains(r.Stderr, "CANARY") {
				t.Errorf("%s, %s: exit %d, %s", name, text, r.Code, r.Stderr)
			}
		}
	}
}
