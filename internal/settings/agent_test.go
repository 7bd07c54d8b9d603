package settings_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const agentTemporary = "[temporary]\naws_access_key_id = ASIAX\naws_secret_access_key = CANARY1\naws_session_token = CANARY2\n"

// agentWorld has a user's keys, a session of another program, a role, and the table.
func agentWorld(t *testing.T, table string) *world {
	t.Helper()
	return newWorld(t).credentials(baseKeys + agentTemporary).
		config("[profile role]\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/r\n[profile chained]\nsource_profile = role\nrole_arn = arn:aws:iam::111122223333:role/c\n").
		toml(table + "\n[profile.dev]\nsource_profile = \"base\"\n[profile.temp]\nsource_profile = \"temporary\"\n" +
			"[profile.agents]\nsource_profile = \"base\"\nrole_arn = \"arn:aws:iam::111122223333:role/agents\"\nduration = \"1h\"\n")
}

// Every variable of the list makes an agent, alone and beside others; without any, or with empty ones, it is the user.
func TestEachSign(t *testing.T) {
	w := agentWorld(t, "[agent]\nread_only = true\n")
	user := w.load("--profile=dev")
	if user.Agent != "" || user.Policy != "" || user.Operation != "GetSessionToken" {
		t.Fatalf("the user: %+v", user)
	}
	seen := map[string]bool{}
	for _, s := range settings.Signs() {
		if seen[s.Variable] || s.Name == "" || s.ID == "" || s.Source == "" {
			t.Errorf("%+v", s)
		}
		seen[s.Variable] = true
		w.vars = map[string]string{s.Variable: "1"}
		r := w.load("--profile=dev")
		if r.Agent != s.Name || len(r.PolicyARNs) != 1 || keyOf(r) == keyOf(user) || !strings.Contains(r.Reason, s.Variable) {
			t.Errorf("%s: %+v", s.Variable, r)
		}
		w.vars[s.Variable] = ""
		if r := w.load("--profile=dev"); keyOf(r) != keyOf(user) {
			t.Errorf("an empty %s: %+v", s.Variable, r)
		}
	}
	// An agent in an agent in a CI job is named by the first of the list, and gets what each of them gets.
	w.vars = map[string]string{"CI": "true", "GITHUB_ACTIONS": "true", "GEMINI_CLI": "1", "CLAUDECODE": "1"}
	nested := w.load("--profile=dev")
	w.vars = map[string]string{"CI": "1"}
	if alone := w.load("--profile=dev"); nested.Agent != "Claude Code" || keyOf(nested) != keyOf(alone) {
		t.Errorf("nested: %+v, %+v", nested, alone)
	}
}

// All variables are asked for, whatever agent asks: a direct answer depends on each.
func TestSignsAreAllLookedAt(t *testing.T) {
	for _, set := range []string{"NOTHING=1", "CLAUDECODE=1", "CI=1", "MINE=1"} {
		w := agentWorld(t, "[agent]\nread_only = true\ndetect = [\"MINE\", \"KIND=bot\"]\nignore = [\"DRONE\"]\n").set(set)
		env := w.env()
		asked := map[string]bool{}
		inner := env.Getenv
		env.Getenv = func(name string) string { asked[name] = true; return inner(name) }
		if _, err := settings.Load(flags("--profile=dev"), env); err != nil {
			t.Fatal(err)
		}
		for _, s := range settings.Signs() {
			if !asked[s.Variable] && s.Variable != "DRONE" {
				t.Errorf("with %s, %s was not asked for", set, s.Variable)
			}
		}
		if !asked["MINE"] || !asked["KIND"] {
			t.Errorf("with %s: %v", set, asked)
		}
	}
}

// Users add signs, with a value or without, and take some away.
func TestSignsOfTheUser(t *testing.T) {
	const table = "[agent]\nread_only = true\ndetect = [\"MY_BOT\", \"TERM_PROGRAM=kiro\"]\nignore = [\"CI\", \"AGENT\"]\n"
	for vars, want := range map[string]string{
		"MY_BOT=x": "an agent", "TERM_PROGRAM=kiro": "an agent", "TERM_PROGRAM=kirolike": "", "TERM_PROGRAM=": "", "CI=true": "", "AGENT=1": "",
		"CLAUDECODE=1": "Claude Code", "MY_BOT=": "",
	} {
		if r := agentWorld(t, table).set(vars).load("--profile=dev"); r.Agent != want {
			t.Errorf("%s: %q, want %q", vars, r.Agent, want)
		}
	}
}

// The policy comes on top of all others, whatever the source is.
func TestAgentPolicy(t *testing.T) {
	w := agentWorld(t, "[agent]\nallow = [\"ec2:*\"]\ndeny = [\"ec2:TerminateInstances\"]\nresource = [\"*\"]\n").set("CLAUDECODE=1")
	if r := w.load("--profile=temp"); r.Operation != "GetScopedCredentials" || !strings.Contains(r.Policy, "ec2:TerminateInstances") || r.HandOut {
		t.Errorf("temporary credentials: %+v", r)
	}
	if r := w.load("--source-profile=role"); r.Operation != "AssumeRole" || !strings.Contains(r.Policy, "ec2:*") {
		t.Errorf("a role: %+v", r)
	}
	if r := w.load("--profile=dev"); r.Operation != "GetFederationToken" || !strings.Contains(r.Policy, "ec2:*") {
		t.Errorf("a key: %+v", r)
	}
	if r := w.load("--profile=dev", "--mfa-serial=GAHT12345678"); r.Operation != "GetScopedCredentials" || r.Base == nil || r.Base.Operation != "GetSessionToken" || r.Base.Agent != "" {
		t.Errorf("MFA: %+v", r)
	}
	// What the line asks for narrows, and is narrowed.
	r := w.load("--source-profile=role", "--allow=s3:GetObject")
	if !strings.Contains(r.Policy, "ec2:*") || r.Base == nil || !strings.Contains(r.Base.Policy, "s3:GetObject") || r.Base.Operation != "AssumeRole" {
		t.Errorf("both: %+v, %+v", r, r.Base)
	}
	if r := w.load("--profile=dev", "--federation-name=who", "--no-policy"); r.Operation != "GetScopedCredentials" || !r.Base.NoPolicy {
		t.Errorf("no policy: %+v", r)
	}
	w.fail(settings.Config, []string{"allow (~/.config/sts-helper/config.toml:2)", "does not go with AssumeRoot"}, "--profile=dev", "--target-principal=111122223333", "--task-policy-arn=arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")
	w.fail(settings.Config, []string{"does not go with a granted token"}, "--granted=x")
	w.vars = nil
	if r := w.load("--granted=x"); r.Granted != "x" {
		t.Errorf("the user: %+v", r)
	}
}

// The life is a limit: nothing lives longer for it.
func TestAgentLife(t *testing.T) {
	for life, cases := range map[string]map[string]string{
		"30m": {"--profile=dev": "GetSessionToken 30m0s", "--profile=temp": "GetScopedCredentials 30m0s", "--source-profile=role": "AssumeRole 30m0s",
			"--profile=dev --duration=20m": "GetSessionToken 20m0s", "--profile=dev --duration=2h": "GetSessionToken 30m0s", "--source-profile=role --duration=12h": "AssumeRole 30m0s"},
		"5m": {"--profile=dev": "GetScopedCredentials 5m0s of GetSessionToken 0s", "--profile=temp": "GetScopedCredentials 5m0s", "--source-profile=role": "GetScopedCredentials 5m0s of AssumeRole 0s",
			"--profile=temp --duration=1m": "GetScopedCredentials 1m0s"},
		"36h": {"--profile=dev": "GetSessionToken 0s", "--source-profile=role": "AssumeRole 0s", "--source-profile=chained": "AssumeRole 0s", "--profile=dev --duration=20h": "GetSessionToken 20h0m0s"},
	} {
		w := agentWorld(t, "[agent]\nduration = \""+life+"\"\n")
		for line, want := range cases {
			user := w.load(strings.Fields(line)...)
			r := w.set("CLAUDECODE=1").load(strings.Fields(line)...)
			got := r.Operation + " " + r.Duration.String()
			if r.Scoped() && r.Base != nil {
				got += " of " + r.Base.Operation + " " + r.Base.Duration.String()
			}
			if got != want || keyOf(r) == keyOf(user) || r.HandOut {
				t.Errorf("%s, %s: %s, want %s: %+v", life, line, got, want, r)
			}
			w.vars = map[string]string{}
		}
	}
	// One code of an MFA device is for the user and the agent.
	w := agentWorld(t, "[agent]\nduration = \"1h\"\n").set("CLAUDECODE=1")
	r := w.load("--profile=dev", "--mfa-serial=GAHT12345678")
	user := agentWorld(t, "").load("--profile=dev", "--mfa-serial=GAHT12345678")
	if r.Operation != "GetScopedCredentials" || r.Duration != time.Hour || r.Base == nil || keyOf(r.Base) != keyOf(user) {
		t.Errorf("MFA: %+v", r)
	}
	w.fail(settings.Config, []string{"does not go with a granted token", "duration"}, "--granted=x") // and lives as it does
}

// Another profile takes the place of whatever was asked for; what narrows it stays.
func TestAgentProfile(t *testing.T) {
	w := agentWorld(t, "[agent]\nprofile = \"agents\"\n")
	w.set("CLAUDECODE=1", "STS_HELPER_ROLE_SESSION_NAME=mine")
	want := keyOf(w.load())
	for _, line := range []string{"--profile=dev", "--profile=agents", "--profile=nosuch", "--source-profile=temporary", "--granted=x", "--source-profile=base --role-arn=arn:aws:iam::111122223333:role/admin",
		"--profile=dev --duration=2h", "--source-command=id", "--federation-name=x --no-policy"} {
		r := w.load(strings.Fields(line)...)
		if keyOf(r) != want || r.RoleARN != "arn:aws:iam::111122223333:role/agents" || r.Duration != time.Hour || r.RoleSessionName == "mine" || r.Name != "agents" {
			t.Errorf("%s: %+v", line, r)
		}
	}
	other := filepath.Join(w.write("other", "[base]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = CANARYother\n").home, "other")
	if r := w.load("--profile=dev", "--credentials-file="+other); keyOf(r) != want {
		t.Errorf("keys of another file: %+v", r)
	}
	if r := w.load("--profile=dev", "--read-only", "--duration=20m"); len(r.PolicyARNs) != 1 || r.Duration != 20*time.Minute {
		t.Errorf("narrower: %+v", r)
	}
	given := flags("--profile=dev", "--duration=20m")
	if r, err := settings.Load(given, w.env()); err != nil || settings.LoginCommand("", given, r) != "sts-helper login agents" {
		t.Errorf("%v, %s", err, settings.LoginCommand("", given, r))
	}
	w.vars = map[string]string{}
	if r := w.load("--profile=agents"); keyOf(r) == want {
		t.Error("the user who asks for the agents' profile gets the agents' token")
	}
	agentWorld(t, "[agent]\nprofile = \"agent\"\n").set("CI=1").fail(settings.Config, []string{`profile (~/.config/sts-helper/config.toml:2)`, `[profile.agent]`, `"agents"`}, "--profile=dev")
}

func TestAgentRefused(t *testing.T) {
	w := agentWorld(t, "[agent]\nrefuse = true\n")
	w.load("--profile=dev")
	w.set("CURSOR_AGENT=1").fail(settings.Config, []string{"refuse (~/.config/sts-helper/config.toml:2): CURSOR_AGENT is set, so that Cursor asks, and agents get no credentials here", "shell of your own"}, "--profile=dev")
}

// Sessions say who asked where their operation takes it.
func TestAgentIsNamed(t *testing.T) {
	w := agentWorld(t, "[agent]\nread_only = true\ndescription = \"for {agent}\"\nsource_identity = \"ada+{agent}\"\nrole_session_name = \"{agent}\"\ntransitive_tag = [\"By\"]\n[agent.tag]\nBy = \"{agent}\"\n")
	w.set("CODEX_THREAD_ID=1")
	r := w.load("--source-profile=role", "--tag=by=me", "--tag=Team=ops")
	if r.SourceIdentity != "ada+codex" || r.RoleSessionName != "codex" || !slices.Equal(r.TransitiveTagKeys, []string{"By"}) ||
		!slices.Equal(r.Tags, []request.Tag{{Key: "Team", Value: "ops"}, {Key: "By", Value: "codex"}}) {
		t.Errorf("a role: %+v", r)
	}
	if r := w.load("--profile=temp"); r.Description != "for codex" || r.SourceIdentity != "" || r.Tags != nil {
		t.Errorf("a scoped session: %+v", r)
	}
	if r := w.load("--source-profile=role", "--allow=s3:*"); r.Description != "for codex" || r.Base.SourceIdentity != "ada+codex" {
		t.Errorf("both: %+v", r)
	}
	w.vars = map[string]string{}
	if r := w.load("--source-profile=role"); r.SourceIdentity != "" || r.Tags != nil || r.Description != "" {
		t.Errorf("the user: %+v", r)
	}
}

// The user's table comes first, key by key; both add signs.
func TestAgentTableOfTheFleet(t *testing.T) {
	w := agentWorld(t, "[agent]\nduration = \"20m\"\ndetect = [\"MINE\"]\n").machine("[agent]\nduration = \"1h\"\nread_only = true\ndetect = [\"THEIRS\"]\nignore = [\"CI\"]\n")
	for _, v := range []string{"MINE=1", "THEIRS=1"} {
		w.vars = map[string]string{}
		if r := w.set(v).load("--source-profile=role"); r.Duration != 20*time.Minute || len(r.PolicyARNs) != 1 {
			t.Errorf("%s: %+v", v, r)
		}
	}
	w.vars = map[string]string{}
	if r := w.set("CI=1").load("--source-profile=role"); r.Agent != "" {
		t.Errorf("%+v", r)
	}
	// A table that only adds signs is good where the fleet's says what agents get.
	newWorld(t).credentials(baseKeys).toml("[agent]\ndetect = [\"X\"]\n").machine("[agent]\nread_only = true\n").load("--source-profile=base")
}

// Mistakes are found by the first call, an agent's or not.
func TestAgentTableMistakes(t *testing.T) {
	for table, want := range map[string][]string{
		"[agent]\n":                                      {"config.toml:1", "does not say what agents get"},
		"[agent]\ndetect = [\"X\"]\n":                    {"config.toml:1", "does not say what agents get"},
		"[agent]\nrefuse = false\n":                      {"does not say what agents get"},
		"[agent]\nread_only = false\n":                   {"does not say what agents get"},
		"[agent]\ndescription = \"x\"":                   {"does not say what agents get"},
		"[agent]\nread_onyl = true\n":                    {"config.toml:2", `unknown key "read_onyl" in [agent]`, "read_only"},
		"[agent]\nrole_arn = \"x\"\n":                    {"config.toml:2", `unknown key "role_arn" in [agent]`},
		"[agent]\nread_only = \"yes\"":                   {"read_only is a string"},
		"[agent]\nduration = \"0s\"":                     {"duration (~/.config/sts-helper/config.toml:2)", "too short"},
		"[agent]\nduration = \"x\"":                      {"duration (~/.config/sts-helper/config.toml:2)"},
		"[agent]\nprofile = \"\"":                        {"profile (~/.config/sts-helper/config.toml:2): is empty"},
		"[agent]\nrefuse = 1":                            {"refuse is a number"},
		"[agent]\ndetect = [\"A B\"]":                    {`"A B" is neither the name of a variable nor NAME=VALUE`},
		"[agent]\ndetect = [\"A=\"]":                     {`"A=" is neither`},
		"[agent]\nignore = [\"CLAUDE\"]":                 {`"CLAUDE" is no variable by which an agent is known`},
		"[agent]\nresource = [\"*\"]\nduration = \"1h\"": {"resource (~/.config/sts-helper/config.toml:2)", "there is neither"},
		"[agent]\nrefuse = true\nrefuse = true":          {"config.toml:3", `key "refuse" was given before, in line 2`},
		"[agent.x]\n":                                    {"config.toml:1", "unknown section [agent.x]"},
		"agent = true":                                   {"config.toml:1", "is a section, not a value"},
		"[[agent]]\n":                                    {"array of sections"},
		"[agent]\ntag = 5\nrefuse = true":                {"tag is a number"},
	} {
		newWorld(t).credentials(baseKeys).toml(table+"\n").fail(settings.Config, want, "--source-profile=base")
	}
	newWorld(t).credentials(baseKeys).toml("agent = { read_only = true, tag = { A = \"b\" } }\n").load("--source-profile=base")
}

func keyOf(r *request.Request) string { return request.KeyOf(r).String() }
