package process_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// line is a command line with the variables it is run with.
type line struct {
	args, env []string
}

func (l line) command(t testing.TB, w *harness.World, extra ...string) *exec.Cmd {
	t.Helper()
	cmd := w.Command(t, l.args...)
	cmd.Env = append(append(cmd.Env, l.env...), extra...)
	return cmd
}

// answeredDirectly runs a line that was run before: directly, and with the same document as the
// ordinary way.
func answeredDirectly(t *testing.T, w *harness.World, l line) {
	t.Helper()
	got, direct := w.Directly(t, l.command(t, w))
	if !direct {
		t.Fatalf("%q is not answered directly: exit %d, %q", l, got.Code, got.Stderr)
	}
	want, direct := w.Directly(t, l.command(t, w, "STS_HELPER_NO_DIRECT=1"))
	if direct || got.Stdout != want.Stdout || got.Stderr != want.Stderr || got.Code != want.Code {
		t.Errorf("%q: directly exit %d, %q, otherwise exit %d, %q; the same document: %v", l, got.Code, got.Stderr, want.Code, want.Stderr, got.Stdout == want.Stdout)
	}
}

// ordinarily runs a line that is not answered directly now, and the next time is.
func ordinarily(t *testing.T, w *harness.World, l line) {
	t.Helper()
	r, direct := w.Directly(t, l.command(t, w))
	if w.Creds(t, r); direct {
		t.Fatalf("%q is answered directly", l)
	}
	answeredDirectly(t, w, l)
}

// notes are the notes of a home.
func notes(t *testing.T, w *harness.World) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.direct"))
	harness.Must(t, err)
	return all
}

// Every operation is answered directly, however its line is spelt.
func TestEveryOperationIsAnsweredDirectly(t *testing.T) {
	for i, o := range newStage(t).operations() {
		if harness.LeftOut(i) {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			o = s.operations()[i]
			flags := o.settings.flags()
			var joined []string
			for _, known := range settings.Settings() {
				for _, v := range o.settings[known.Flag] {
					joined = append(joined, "--"+known.Flag+"="+v)
				}
			}
			harness.Must(t, s.Write(".config/sts-helper/config.toml", o.settings.entry("op")))
			for _, l := range []line{
				{args: flags},
				{args: joined},
				{args: append([]string{"process"}, flags...)},
				{env: o.settings.variables()},
				{args: []string{"--profile", "op"}},
				{env: []string{"STS_HELPER_PROFILE=op"}},
			} {
				ordinarily(t, s.World, l)
			}
			if n := len(notes(t, s.World)); n != 5 { // the bare lines share one, which the last wrote
				t.Errorf("%d notes", n)
			}
		})
	}
}

func TestBareLineIsAnsweredDirectly(t *testing.T) {
	w := harness.NewWorld(t)
	ordinarily(t, w, line{env: []string{"AWS_PROFILE=base"}})
}

func TestDirectAfterLoginWithMFA(t *testing.T) {
	m := harness.NewMFAWorld(t)
	if r := m.Run(t, "login", "dev", "--mfa-code", m.Code()); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	ordinarily(t, m.World, line{args: []string{"--profile", "dev"}})
	ordinarily(t, m.World, line{args: []string{"--profile", "r0"}})
}

// A session that only a user can renew is handed out until just before its end, directly too.
func TestDirectInTheWindowOfAnMFASession(t *testing.T) {
	m := harness.NewMFAWorld(t)
	w := m.World.Movable(t)
	l := line{args: []string{"--profile", "dev", "--duration", "1h"}}
	if r := m.Run(t, append([]string{"login"}, append(l.args[1:], "--force", "--mfa-code", m.Code())...)...); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	ordinarily(t, m.World, l)
	w.At(t, harness.Due)
	answeredDirectly(t, m.World, l)
	for _, note := range notes(t, m.World) {
		harness.Must(t, os.Remove(note))
	}
	ordinarily(t, m.World, l)
	w.At(t, time.Hour-30*time.Second)
	if _, direct := m.World.Directly(t, l.command(t, m.World)); direct {
		t.Error("answered directly in the mandatory window")
	}
}

// A device that was found is a dependency as any other.
func TestDirectWithADeviceThatWasFound(t *testing.T) {
	m := harness.NewMFAWorld(t)
	m.Env["AWS_ENDPOINT_URL_IAM"] = m.STS.URL()
	harness.Must(t, m.Write(".aws/config", ""))
	l := line{args: []string{"--source-profile", "base", "--mfa-serial", "auto"}}
	m.Creds(t, m.Run(t, append(l.args, "--mfa-code", m.Code())...))
	ordinarily(t, m.World, l)
	found, err := filepath.Glob(filepath.Join(m.Cache(), "v1", "user-*"))
	harness.Must(t, err)
	if len(found) != 1 {
		t.Fatal(found)
	}
	harness.Must(t, os.Remove(found[0]))
	ordinarily(t, m.World, l) // IAM was asked again
}

func TestDirectAfterAnEdit(t *testing.T) {
	s := newStage(t)
	for i, o := range s.operations() {
		if harness.LeftOut(i) {
			continue
		}
		l := line{args: o.settings.flags()}
		s.Creds(t, s.Finish(t, l.command(t, s.World)))
		config := s.Read(t, ".aws/config")
		harness.Must(t, s.Write(".aws/config", config+"# edited\n"))
		ordinarily(t, s.World, l)
	}
	// A token that is renewed in its file is still the same identity's.
	web := line{args: s.operations()[7].settings.flags()}
	s.identityToken(t, "pod-1", 2*harness.Due)
	ordinarily(t, s.World, web)
	s.identityToken(t, "pod-2", 2*harness.Due)
	before := s.Run(t, web.args...)
	s.identityToken(t, "pod-1", 2*harness.Due)
	if after := s.Run(t, web.args...); s.Creds(t, after) == s.Creds(t, before) {
		t.Error("two subjects have one token")
	}
}

// Two versions of the program can be used in turn.
func TestDirectAfterAnUpgrade(t *testing.T) {
	harness.Long(t, "links the program again")
	w := harness.NewWorld(t)
	l := line{args: []string{"--source-profile", "base"}}
	ordinarily(t, w, l)
	old := w.Bin
	w.Bin = harness.Upgrade(t)
	ordinarily(t, w, l)
	w.Bin = old
	answeredDirectly(t, w, l)
	if n := w.STS.Count(""); n != 1 {
		t.Errorf("%d calls of STS", n)
	}
}

func TestDirectWithOtherCaches(t *testing.T) {
	w := harness.NewWorld(t)
	for name, l := range map[string]line{
		"flag":           {args: []string{"--source-profile", "base", "--cache-dir", filepath.Join(w.Dir, "c1")}},
		"variable":       {args: []string{"--source-profile", "base"}, env: []string{"STS_HELPER_CACHE_DIR=" + filepath.Join(w.Dir, "c2")}},
		"XDG_CACHE_HOME": {args: []string{"--source-profile", "base"}, env: []string{"XDG_CACHE_HOME=" + filepath.Join(w.Dir, "c3")}},
	} {
		t.Run(name, func(t *testing.T) { ordinarily(t, w, l) })
	}
}

// What the ordinary way answers differently each time, or with more than the document, is not
// answered directly.
func TestNotAnsweredDirectly(t *testing.T) {
	m := harness.NewMFAWorld(t)
	w := m.World
	harness.Must(t, w.Write(".aws/config", "[profile base]\nregion = eu-west-1\n")) // the device on the line alone
	for name, l := range map[string]line{
		"verbose":  {args: []string{"--source-profile", "base", "--verbose"}},
		"a code":   {args: []string{"--source-profile", "base", "--mfa-serial", m.Device.SerialNumber, "--mfa-code", m.Code()}},
		"no cache": {args: []string{"--source-profile", "base", "--no-cache"}},
		"a chain":  {args: []string{"--source-profile", "base"}, env: []string{"STS_HELPER_CHAIN=0123"}},
		"no home":  {args: []string{"--source-profile", "base"}, env: []string{"HOME=", "AWS_SHARED_CREDENTIALS_FILE=" + w.Dir + "/.aws/credentials", "STS_HELPER_CACHE_DIR=" + w.Dir + "/c"}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				if r, direct := w.Directly(t, l.command(t, w)); direct || r.Code != 0 {
					t.Errorf("direct %v, exit %d, %q", direct, r.Code, r.Stderr)
				}
			}
		})
	}
	if n := notes(t, w); len(n) > 0 {
		t.Errorf("noted: %q", n)
	}
}

// The same state is noted once.
func TestNotesAreWrittenOnce(t *testing.T) {
	harness.OnlyLinux(t, "there are notes")
	w := harness.NewWorld(t)
	args := []string{"--source-profile", "base"}
	w.Creds(t, w.Run(t, args...))
	before := notes(t, w)
	if len(before) != 1 {
		t.Fatal(before)
	}
	again := func(run func()) bool {
		t.Helper()
		was, err := os.Stat(before[0])
		harness.Must(t, err)
		run()
		is, err := os.Stat(before[0])
		harness.Must(t, err)
		return !os.SameFile(was, is) || was.ModTime() != is.ModTime()
	}
	ordinary := func() { // nothing is answered directly to a device
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		harness.Must(t, err)
		defer func() { _ = null.Close() }()
		cmd := w.Command(t, args...)
		cmd.Stdout = null
		if r, direct := w.Directly(t, cmd); direct || r.Code != 0 {
			t.Errorf("direct %v, exit %d, %q", direct, r.Code, r.Stderr)
		}
	}
	ordinary() // a hit asks for other variables than a fetch does
	if again(ordinary) {
		t.Error("the note was written again")
	}
	if !again(func() { // another record is another state
		records, _ := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
		harness.Must(t, os.Remove(records[0]))
		w.Creds(t, w.Run(t, args...))
	}) {
		t.Error("the note is still that of another record")
	}
	if r, direct := w.Directly(t, w.Command(t, args...)); !direct || r.Code != 0 {
		t.Errorf("direct %v, exit %d, %q", direct, r.Code, r.Stderr)
	}
	if n := notes(t, w); len(n) != 1 || w.STS.Count("") != 2 {
		t.Errorf("%q, %d calls of STS", n, w.STS.Count(""))
	}
}

// Whatever the question, the bytes are the same by both ways.
func TestGeneratedQuestions(t *testing.T) {
	questions(t, 60, func(s *stage, l line) {
		s.Creds(t, s.Finish(t, l.command(t, s.World)))
		answeredDirectly(t, s.World, l)
	})
}

// questions tries n generated lines, a tenth of them in the short lane, until one fails.
func questions(t *testing.T, n int, try func(s *stage, l line)) {
	t.Helper()
	if testing.Short() {
		n /= 10
	}
	s := newStage(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	operations := s.operations()
	for range n {
		if try(s, generate(rng, operations[rng.IntN(len(operations))])); t.Failed() {
			return
		}
	}
}

// The image of a file system is replaced by another one with the same device, and a file with
// the same inode, size and times in it.
func TestReplacedImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount an image")
	}
	mkfs, debugfs, unshare := harness.Need(t, "mkfs.ext4"), harness.Need(t, "debugfs"), harness.Need(t, "unshare")
	w := harness.NewWorld(t)
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		w.STS.AddRole(harness.Account, name)
		harness.Must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		harness.Must(t, os.WriteFile(filepath.Join(dir, name, "config"), []byte("[profile role]\nsource_profile = base\nrole_arn = arn:aws:iam::"+harness.Account+":role/"+name+"\n"), 0o600))
		image := filepath.Join(dir, name+".img")
		cmd := exec.Command(mkfs, "-q", "-O", "^has_journal", "-U", "00000000-0000-0000-0000-000000000001", "-d", filepath.Join(dir, name), image, "1M")
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("no image: %v, %s", err, out)
		}
		for _, field := range []string{"atime", "mtime", "ctime", "crtime"} {
			for _, set := range []string{field + " 1700000000", field + "_extra 0"} {
				if out, err := exec.Command(debugfs, "-w", "-R", "set_inode_field config "+set, image).CombinedOutput(); err != nil {
					t.Skipf("no fixed times: %v, %s", err, out)
				}
			}
		}
	}
	replaced(t, w, unshare, dir, `mount -o loop,ro "$DIR/$name.img" "$DIR/mnt" || exit 77`, `umount "$DIR/mnt"`)
}

// Below a bind mount another file with the same size and modification time is in the
// place of the one that was read, as it may below an attribute cache.
func TestReplacedBelowAMount(t *testing.T) {
	unshare := harness.Need(t, "unshare")
	if err := exec.Command(unshare, "-Urm", "true").Run(); err != nil {
		t.Skip("no user namespace")
	}
	w := harness.NewWorld(t)
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		w.STS.AddRole(harness.Account, name)
		harness.Must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		file := filepath.Join(dir, name, "config")
		harness.Must(t, os.WriteFile(file, []byte("[profile role]\nsource_profile = base\nrole_arn = arn:aws:iam::"+harness.Account+":role/"+name+"\n"), 0o600))
		harness.Must(t, exec.Command("touch", "-d", "@1700000000", file).Run())
	}
	replaced(t, w, unshare, dir, `mount --bind "$DIR/$name" "$DIR/mnt" || exit 77`, `umount "$DIR/mnt"`)
}

// replaced asks for the role of a file twice as it is and twice as it is after that, and wants
// the role that the file says each time.
func replaced(t *testing.T, w *harness.World, unshare, dir, mount, unmount string) {
	t.Helper()
	harness.Must(t, os.Mkdir(filepath.Join(dir, "mnt"), 0o700))
	script := `for name in one two; do ` + mount + `; stat -c '%Y %s' "$DIR/mnt/config" >&2; "$0" --source-profile role && "$0" --source-profile role || exit; ` + unmount + `; done`
	cmd := w.Command(t)
	cmd.Path, cmd.Args = unshare, []string{"unshare", "-Urm", "sh", "-c", script, w.Bin}
	if os.Geteuid() == 0 {
		cmd.Args[1] = "-m"
	}
	cmd.Env = append(cmd.Env, "DIR="+dir, "AWS_CONFIG_FILE="+filepath.Join(dir, "mnt", "config"))
	r := w.Finish(t, cmd)
	if r.Code == 77 {
		t.Skipf("cannot mount: %s", r.Stderr)
	}
	answers := strings.SplitAfter(r.Stdout, "\n")
	if r.Code != 0 || len(answers) != 5 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	if states := strings.Fields(r.Stderr); states[0] != states[2] || states[1] != states[3] {
		t.Fatalf("the files differ: %q", states)
	}
	for i, name := range []string{"one", "one", "two", "two"} {
		d := w.Parse(t, answers[i])
		if id, _ := w.STS.Lookup(d.AccessKeyId); !strings.Contains(id.ARN, "/"+name+"/") {
			t.Errorf("answer %d is for %s, the file says %s", i, id.ARN, name)
		}
	}
	if w.STS.Count("") != 2 {
		t.Errorf("%d calls of STS", w.STS.Count(""))
	}
}
