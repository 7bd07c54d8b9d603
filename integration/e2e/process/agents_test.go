package process_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// agentWorld is a world with a role "app" as an entry, and a table for agents.
func agentWorld(t *testing.T, table string) *harness.World {
	t.Helper()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "app", emulator.Trust(w.User.ARN))
	agents := w.STS.AddRole(harness.Account, "agents", emulator.Trust(w.User.ARN))
	harness.Must(t, w.Write(".config/sts-helper/config.toml", table+"\n[profile.app]\nsource_profile = \"base\"\nrole_arn = \""+role.ARN+"\"\nrole_session_name = \"ada\"\n"+
		"[profile.dev]\nsource_profile = \"base\"\n[profile.agents]\nsource_profile = \"base\"\nrole_arn = \""+agents.ARN+"\"\n"))
	return w
}

// as is the command with variables set.
func as(w *harness.World, t *testing.T, vars []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := w.Command(t, args...)
	cmd.Env = append(cmd.Env, vars...)
	return cmd
}

// identity is what AWS knows of credentials.
func identity(t *testing.T, w *harness.World, d harness.Document) emulator.Identity {
	t.Helper()
	id, ok := w.STS.Lookup(d.AccessKeyId)
	if !ok {
		t.Fatalf("no user has %s", d.AccessKeyId)
	}
	return id
}

// Neither gets the other's: not from the cache, and not by a direct answer, whichever was first.
func TestAgentsHaveTheirOwn(t *testing.T) {
	line := []string{"--profile", "app"}
	for first, second := range map[string]string{"CLAUDECODE=": "CLAUDECODE=1", "CLAUDECODE=1": "CLAUDECODE="} {
		w := agentWorld(t, "[agent]\nread_only = true\nsource_identity = \"{agent}\"\n")
		docs := map[string]harness.Document{}
		for _, who := range []string{first, second, first, second} {
			r, direct := w.Directly(t, as(w, t, []string{who}, line...))
			d := w.Creds(t, r)
			if direct {
				t.Errorf("%s after the other is answered directly", who)
			}
			if before, ok := docs[who]; ok && before != d {
				t.Errorf("%s has others than before", who)
			}
			docs[who] = d
			if r, direct := w.Directly(t, as(w, t, []string{who}, line...)); !direct || w.Creds(t, r) != d {
				t.Errorf("%s again: directly %v, exit %d, %q", who, direct, r.Code, r.Stderr)
			}
		}
		user, agent := docs["CLAUDECODE="], docs["CLAUDECODE=1"]
		for path, want := range map[string][2]int{"PUT /logs/a": {200, 403}, "GET /": {200, 200}} {
			method, path, _ := strings.Cut(path, " ")
			if got := [2]int{w.S3(t, user, method, path), w.S3(t, agent, method, path)}; got != want {
				t.Errorf("%s %s: the user and the agent get %v, want %v", method, path, got, want)
			}
		}
		if id := identity(t, w, agent); id.SourceIdentity != "claude-code" || identity(t, w, user).SourceIdentity != "" {
			t.Errorf("source identities: %q, %q", id.SourceIdentity, identity(t, w, user).SourceIdentity)
		}
		if n := w.STS.Count("AssumeRole"); n != 2 {
			t.Errorf("%d sessions", n)
		}
	}
}

// A table that appears ends the direct answers that were right without it.
func TestAgentTableAppears(t *testing.T) {
	w := harness.NewWorld(t)
	vars := []string{"CURSOR_AGENT=1"}
	d := w.Creds(t, w.Finish(t, as(w, t, vars, "--source-profile", "base")))
	if _, direct := w.Directly(t, as(w, t, vars, "--source-profile", "base")); !direct {
		t.Error("not answered directly to begin with")
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nread_only = true\n"))
	if again := w.Creds(t, w.Finish(t, as(w, t, vars, "--source-profile", "base"))); again == d {
		t.Error("the agent has the whole session still")
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nrefuse = true\n"))
	r := w.Finish(t, as(w, t, vars, "--source-profile", "base"))
	if want := "CURSOR_AGENT is set, so that Cursor asks, and agents get no credentials here; run it in a shell of your own\n"; r.Code != harness.ExitConfig || r.Stdout != "" || !strings.HasSuffix(r.Stderr, want) {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if again := w.Creds(t, w.Run(t, "--source-profile", "base")); again != d {
		t.Error("the user has other credentials")
	}
}

// Commands that give credentials give an agent its own.
func TestAgentsOfOtherCommands(t *testing.T) {
	w := agentWorld(t, "[agent]\nprofile = \"agents\"\n")
	vars := []string{"GEMINI_CLI=1"}
	for _, args := range [][]string{{"exec", "dev", "--"}, {"exec", "--serve", "app", "--"}} {
		r := w.Finish(t, as(w, t, vars, append(args, harness.Program(t, "whoami"))...))
		if r.Code != 0 || !strings.Contains(r.Stdout, "assumed-role/agents/") {
			t.Errorf("%q: exit %d, %q, %q", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	if r := w.Finish(t, as(w, t, vars, "env", "dev", "--format", "json")); r.Code != 0 || identity(t, w, w.Creds(t, w.Finish(t, as(w, t, vars, "--profile", "dev")))).Operation != "AssumeRole" {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	r := w.Finish(t, as(w, t, vars, "-v", "--profile", "dev"))
	if !strings.Contains(r.Stderr, "GEMINI_CLI is set, so that Gemini CLI asks") {
		t.Errorf("-v: %q", r.Stderr)
	}
}

// An endpoint cannot see its clients' variables: a path of its own is the agent's.
func TestAgentsPathOfAServer(t *testing.T) {
	w := agentWorld(t, "[agent]\nprofile = \"agents\"\n")
	s := w.Serve(t, "--profile", "app", "--profile", "agents")
	for name, role := range map[string]string{"app": "assumed-role/app/", "agents": "assumed-role/agents/"} {
		id, _ := w.STS.Lookup(s.Creds(t, name))
		if !strings.Contains(id.ARN, role) {
			t.Errorf("%s is %s", name, id.ARN)
		}
	}
	// One that an agent starts is the agent's.
	w.Env["GEMINI_CLI"] = "1"
	s = w.Serve(t, "--profile", "app")
	if id, _ := w.STS.Lookup(s.Creds(t, "app")); !strings.Contains(id.ARN, "assumed-role/agents/") {
		t.Errorf("an agent's server gives %s", id.ARN)
	}
}

// Users and agents of all kinds at once, nested, with empty variables, some logging out in between: each gets
// what is theirs. STS_HELPER_AGENT_CALLS says how many calls.
func TestUsersAndAgentsAtOnce(t *testing.T) {
	calls := 400
	if n, err := strconv.Atoi(os.Getenv("STS_HELPER_AGENT_CALLS")); err == nil {
		calls = n
	} else if testing.Short() {
		calls = 40
	}
	w := agentWorld(t, "[agent]\nread_only = true\ndetect = [\"MY_BOT\"]\n")
	signs := settings.Signs()
	numbers := make(chan int)
	var mu sync.Mutex
	answers := map[harness.Document]bool{} // and whether an agent got it
	users, agents := 0, 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range numbers {
				var vars []string
				agent := i%2 == 0
				sign := signs[rand.IntN(len(signs))].Variable
				switch {
				case agent && i%10 == 0:
					vars = []string{sign + "=1", "CI=true", "MY_BOT=x"}
				case agent:
					vars = []string{sign + "=1"}
				case i%3 == 0:
					vars = []string{sign + "=", "MY_BOT="}
				}
				if i%101 == 0 {
					if r := harness.Finish(as(w, t, vars, "logout", "app")); r.Code != 0 {
						t.Errorf("logout: exit %d, %q", r.Code, r.Stderr)
					}
				}
				name := []string{"app", "dev"}[i/2%2]
				r := harness.Finish(as(w, t, vars, "--profile", name))
				if r.Code != 0 {
					t.Errorf("%q: exit %d, %q", vars, r.Code, r.Stderr)
					continue
				}
				d := w.Parse(t, r.Stdout)
				mu.Lock()
				if of, ok := answers[d]; ok && of != agent {
					t.Errorf("call %d, %q: both have %s", i, vars, d.AccessKeyId)
				}
				answers[d] = agent
				if agent {
					agents++
				} else {
					users++
				}
				mu.Unlock()
			}
		})
	}
	for i := range calls {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	for d, agent := range answers {
		id := identity(t, w, d)
		if narrowed := id.Policy != "" || len(id.PolicyARNs) > 0 || len(id.ScopedPolicies) > 0; narrowed != agent {
			t.Errorf("%s, an agent's %v: %+v", d.AccessKeyId, agent, id)
		}
	}
	if users+agents != calls || users == 0 || agents == 0 {
		t.Errorf("%d users, %d agents of %d calls", users, agents, calls)
	}
	t.Logf("%d calls of users, %d of agents, %d sessions", users, agents, len(answers))
}
