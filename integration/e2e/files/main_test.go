// Package files tests what the program makes of AWS's shared files, seen from outside: rows of files,
// variables and a line, and what STS is asked then. Each kind began with a public report about some
// tool; its neighbours are beside it. What AWS's own tools do is in docs/aws-files.md.
package files_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// row is a user's files, and a call. In all texts {ID} and {SECRET} are alice's key, {BOB} and
// {BOBSECRET} bob's, {MFA} is alice's device and {CODE} what it shows, {STS} the URL of STS, {HOME} the home.
type row struct {
	name                      string
	config, credentials, toml string // credentials are those of alice as "base" where there are none
	env                       []string
	args                      string // words

	code int // exit code
	says string

	// What STS is asked where the code is 0: the operations, and of the last one whose key signed,
	// in which region, for which role, with which device.
	asks, by, region, role, device string
	// real leaves out the emulator's endpoint: hosts are those that a proxy is asked for.
	real  bool
	hosts string
}

const base = "[base]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n"

// world is what the rows have in common.
type world struct {
	*harness.World
	bob    *emulator.User
	device *emulator.MFADevice
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: harness.NewWorld(t)}
	w.bob = w.STS.AddUser(harness.Account, "bob")
	w.device = w.STS.AddMFADevice(w.User, "alice")
	for _, name := range []string{"a", "b", "app", "p1/p2/name"} {
		path, last := "/", name
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			path, last = "/"+name[:i+1], name[i+1:]
		}
		w.STS.AddRole(harness.Account, last, emulator.RolePath(path))
	}
	return w
}

func (w *world) fill(text string) string {
	return strings.NewReplacer("{ID}", w.User.AccessKeyID, "{SECRET}", w.User.SecretAccessKey, "{BOB}", w.bob.AccessKeyID, "{BOBSECRET}", w.bob.SecretAccessKey,
		"{MFA}", w.device.SerialNumber, "{CODE}", w.device.Code(w.STS.Now()), "{STS}", w.STS.URL(), "{HOME}", w.Dir, "{ROLE}", "arn:aws:iam::"+harness.Account+":role").Replace(text)
}

// try runs all rows, each in a home of its own.
func try(t *testing.T, rows []row) {
	t.Helper()
	for i, r := range rows {
		if harness.LeftOut(i) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			newWorld(t).try(t, r)
		})
	}
}

func (w *world) try(t *testing.T, r row) {
	t.Helper()
	if r.credentials == "" {
		r.credentials = base
	}
	harness.Must(t, w.Write(".aws/config", w.fill(r.config)))
	harness.Must(t, w.Write(".aws/credentials", w.fill(r.credentials)))
	if r.toml != "" {
		harness.Must(t, w.Write(".config/sts-helper/config.toml", w.fill(r.toml)))
	}
	hosts := func() []string { return nil }
	if r.real {
		delete(w.Env, "AWS_ENDPOINT_URL_STS")
		w.Env["HTTPS_PROXY"], hosts = proxy(t)
	}
	for _, assignment := range r.env {
		name, value, _ := strings.Cut(w.fill(assignment), "=")
		w.Env[name] = value
	}
	args := strings.Fields(r.args)
	for i := range args { // a blank within a word is written ~
		args[i] = w.fill(strings.ReplaceAll(args[i], "~", " "))
	}
	got := w.Run(t, args...)
	if r.real {
		if all := strings.Join(hosts(), " "); all != r.hosts {
			t.Errorf("asked %q, want %q; %s", all, r.hosts, got.Stderr)
		}
	}
	if got.Code != r.code {
		t.Fatalf("exit %d, want %d: %s", got.Code, r.code, got.Stderr)
	}
	for _, want := range strings.Split(r.says, "|") {
		if want = w.fill(want); !strings.Contains(got.Stderr, want) {
			t.Errorf("%q does not say %q", got.Stderr, want)
		}
	}
	requests := w.STS.Requests()
	if r.code != 0 {
		if got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("%q, %q", got.Stdout, got.Stderr)
		}
		if r.asks == "" && len(requests) > 0 {
			t.Errorf("STS was asked: %+v", requests)
		}
		return
	}
	w.Creds(t, got)
	var ops []string
	for _, q := range requests {
		ops = append(ops, q.Operation)
	}
	if all := strings.Join(ops, " "); all != r.asks {
		t.Fatalf("STS was asked %q, want %q", all, r.asks)
	}
	if len(requests) == 0 {
		return
	}
	last := requests[len(requests)-1]
	for what, pair := range map[string][2]string{
		"signed by": {last.AccessKeyID, r.by}, "in the region": {last.Region, r.region}, "for the role": {last.RoleARN, r.role}, "with the device": {w.used(requests), r.device},
	} {
		if want := w.fill(pair[1]); want != "" && want != "-" && pair[0] != want || want == "-" && pair[0] != "" {
			t.Errorf("%s %q, want %q", what, pair[0], want)
		}
	}
}

// used is the device whose code any request had.
func (w *world) used(all []emulator.Request) string {
	i := slices.IndexFunc(all, func(q emulator.Request) bool { return q.MFA })
	if i < 0 {
		return ""
	}
	return all[i].SerialNumber
}

// proxy is a proxy that connects to nothing, and the hosts that it was asked for, each once.
func proxy(t *testing.T) (url string, hosts func() []string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	harness.Must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var mu sync.Mutex
	var seen []string
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadString('\n')
				if words := strings.Fields(line); len(words) > 1 {
					mu.Lock()
					if host := strings.TrimSuffix(words[1], ":443"); !slices.Contains(seen, host) {
						seen = append(seen, host)
					}
					mu.Unlock()
				}
				fmt.Fprint(c, "HTTP/1.1 502 no\r\n\r\n")
			}()
		}
	}()
	return "http://" + listener.Addr().String(), func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(seen) }
}
