package setup

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

const base = "[base]\naws_access_key_id = AKIACANARYBASE000001\naws_secret_access_key = CANARYsecret\n"

const role = "role_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\n"

// home is a home directory with files by their names below it; a name that ends in @ is a link.
type home map[string]string

func (h home) make(t *testing.T) (dir string, env settings.Environment) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		path := filepath.Join(dir, strings.TrimSuffix(name, "@"))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "@") {
			err = os.Symlink(h[name], path)
		} else {
			err = os.WriteFile(path, []byte(h[name]), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, settings.Environment{
		Getenv:   func(string) string { return "" },
		HomeDir:  func() string { return dir },
		UserName: func() string { return "ana" },
		Program:  "sts-helper",
	}
}

// tree is every file below a directory, with its mode; links as what they point to.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, dir)
		if info.Mode()&fs.ModeSymlink != 0 {
			all[name], err = os.Readlink(path)
			return err
		}
		data, err := os.ReadFile(path)
		all[name] = info.Mode().String() + "\n" + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// homes are what people have, awkward ones above all. taken are the profiles that are taken over
// when keys may be moved, err is a part of why nothing can be done.
var homes = map[string]struct {
	home  home
	taken string
	err   string
}{
	"nothing":          {home: home{}, taken: ""},
	"key":              {home: home{".aws/credentials": base}, taken: "base"},
	"key in config":    {home: home{".aws/config": strings.Replace(base, "[base", "[profile base", 1)}, taken: "base"},
	"default key":      {home: home{".aws/credentials": strings.Replace(base, "base]", "default]", 1), ".aws/config": "[default]\nregion = eu-west-1\n"}, taken: "default"},
	"role":             {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role}, taken: "base dev"},
	"role with device": {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\nregion = eu-west-1\n" + role + "mfa_serial = arn:aws:iam::111122223333:mfa/ana\nexternal_id = x\nduration_seconds=3600\n"}, taken: "base dev"},
	"device in credentials": {home: home{".aws/credentials": base + "mfa_serial = arn:aws:iam::111122223333:mfa/ana\nregion = eu-west-2\n",
		".aws/config": "[profile dev]\n" + role}, taken: "base dev"},
	"chain": {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role + "[profile ops]\nrole_arn=arn:aws:iam::111122223333:role/ops\nsource_profile=dev\n"}, taken: "base dev ops"},
	"self source": {home: home{".aws/credentials": strings.Replace(base, "base]", "self]", 1),
		".aws/config": "[profile self]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = self\n"}, taken: "self"},
	"source nowhere":       {home: home{".aws/config": "[profile dev]\n" + role}},
	"source in aws-vault":  {home: home{".aws/config": "[profile base]\nregion = eu-west-1\n[profile dev]\n" + role}},
	"CRLF":                 {home: home{".aws/credentials": strings.ReplaceAll(base, "\n", "\r\n"), ".aws/config": strings.ReplaceAll("[profile dev]\n"+role, "\n", "\r\n")}, taken: "base dev"},
	"mixed line ends":      {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\r\n" + role + "\r\n# end\n"}, taken: "base dev"},
	"no final line end":    {home: home{".aws/credentials": strings.TrimSuffix(base, "\n"), ".aws/config": strings.TrimSuffix("[profile dev]\n"+role, "\n")}, taken: "base dev"},
	"comments":             {home: home{".aws/credentials": "; keys\n" + base + "# end", ".aws/config": "# one\n[profile dev] # two\n# three\n" + role + "\n;four\nregion = eu-west-1 # five\n"}, taken: "base dev"},
	"nested sections":      {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\ns3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n" + role + "ec2 =\n  endpoint_url = http://localhost:1\n"}, taken: "base dev"},
	"quoted":               {home: home{".aws/credentials": base, ".aws/config": "[profile 'my dev']\n" + role + "[profile \"q\"]\n" + role}, taken: "base my dev q"},
	"sections twice":       {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\nregion = a\n[profile x]\noutput = json\n[profile dev]\n" + role + "[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/other\n"}, taken: "base dev"},
	"keys twice":           {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/old\n" + role}, taken: "base dev"},
	"indented keys":        {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\n  role_arn = arn:aws:iam::111122223333:role/deploy\n  source_profile = base\n  region = eu-west-1\n"}, taken: "base dev"},
	"colons and capitals":  {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\nROLE_ARN: arn:aws:iam::111122223333:role/deploy\nSource_Profile : base\n"}, taken: "base dev"},
	"odd names":            {home: home{".aws/credentials": base, ".aws/config": "[profile a/b.c@d+e]\n" + role + "[profile dåb]\n" + role + "[profile x$y]\n" + role}, taken: "a/b.c@d+e base dåb"},
	"empty values":         {home: home{".aws/credentials": base + "aws_session_token =\n", ".aws/config": "[profile dev]\nregion =\nmfa_serial =\n" + role}, taken: "base dev"},
	"byte order mark":      {home: home{".aws/config": "\xef\xbb\xbf[profile dev]\n" + role, ".aws/credentials": base}, err: "BOM"},
	"mark in credentials":  {home: home{".aws/credentials": "\xef\xbb\xbf" + base}, err: "BOM"},
	"UTF-16":               {home: home{".aws/config": "\xff\xfe[\x00d\x00"}, err: "UTF-16"},
	"links":                {home: home{"dots/config": "[profile dev]\n" + role, "dots/credentials": base, ".aws/config@": "../dots/config", ".aws/credentials@": "../dots/credentials"}, taken: "base dev"},
	"link to a directory":  {home: home{"real/config": "[profile dev]\n" + role, "real/credentials": base, ".aws@": "real"}, taken: "base dev"},
	"link to nothing":      {home: home{".aws/credentials": base, ".aws/config@": "../later"}, taken: "base"},
	"identity center":      {home: home{".aws/config": "[profile s]\nsso_session = My Corp\nsso_account_id = 111122223333\nsso_role_name = Dev\nregion = eu-west-1\n[sso-session 'My Corp']\nsso_start_url = https://d-1.awsapps.com/start#/\nsso_region = eu-west-1\n"}, taken: "s"},
	"old identity center":  {home: home{".aws/config": "[profile s]\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = Dev\n[profile s-sso]\nregion = x\n"}, taken: "s"},
	"aws login":            {home: home{".aws/config": "[default]\nlogin_session = arn:aws:iam::111122223333:user/ana\nregion = eu-west-1\n"}, taken: "default"},
	"aws-vault":            {home: home{".aws/config": "[profile v]\ncredential_process = aws-vault exec v --json\nregion = eu-west-1\n"}, taken: "v"},
	"granted":              {home: home{".aws/config": "[profile g]\ncredential_process = /opt/my tools/granted credential-process --profile g\n[profile h]\ncredential_process = granted credential-process --profile h\n"}, taken: "h"},
	"saml2aws":             {home: home{".aws/config": "[profile m]\ncredential_process = saml2aws login --credential-process --role arn:aws:iam::1:role/x --profile m\n", ".aws/credentials": "[saml]\naws_access_key_id = ASIAX\naws_secret_access_key = CANARY\naws_session_token = CANARY\nx_principal_arn = arn\n"}, taken: "m"},
	"aws-mfa as a process": {home: home{".aws/config": "[profile m]\ncredential_process = aws-mfa --profile m\n"}},
	"another process":      {home: home{".aws/config": "[profile p]\ncredential_process = /opt/tool --x\n"}},
	"aws-mfa":              {home: home{".aws/credentials": "[default-long-term]\naws_access_key_id = AKIACANARYBASE000001\naws_secret_access_key = CANARY\naws_mfa_device = arn:aws:iam::111122223333:mfa/ana\n\n[default]\nassumed_role = False\naws_access_key_id = ASIAX\naws_secret_access_key = CANARY\naws_session_token = CANARY\naws_security_token = CANARY\nexpiration = 2026-01-01 00:00:00\n"}, taken: "default default-long-term"},
	"aws-mfa before":       {home: home{".aws/credentials": "[p-long-term]\naws_access_key_id = AKIACANARYBASE000001\naws_secret_access_key = CANARY\naws_mfa_device = arn:aws:iam::111122223333:mfa/ana\n"}, taken: "p p-long-term"},
	"platform":             {home: home{".aws/config": "[profile e]\nrole_arn = arn:aws:iam::1:role/x\ncredential_source = Environment\n[profile w]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /t\n"}},
	"half a key":           {home: home{".aws/credentials": "[base]\naws_access_key_id = AKIAX\n"}},
	"the other file's way": {home: home{".aws/credentials": strings.Replace(base, "[base", "[profile base", 1), ".aws/config": "[dev]\n" + role}},
	"own config.toml":      {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role, ".config/sts-helper/config.toml": "# mine\n[profile.dev]\nsource_profile = \"base\""}, taken: "base"},
	"done already":         {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\ncredential_process = sts-helper --source-profile base\n"}},
	"output with the keys": {home: home{".aws/credentials": base + "output = json\n"}, taken: "base"},
	// Without source_profile, region would be nested below s3.
	"meaning by indentation": {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/deploy\ns3 =\nsource_profile = base\n  region = eu-west-1\n"}, err: "cannot be changed without changing"},
	"both":                   {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role + "credential_process = x\n"}, taken: "base"},
	"services":               {home: home{".aws/credentials": base, ".aws/config": "[profile dev]\nservices = local\n" + role + "[services local]\nsts =\n  endpoint_url = http://localhost:1\n[plugins]\nx = y\n"}, taken: "base dev"},
	"junk":                   {home: home{".aws/credentials": "ga\x00\x01rbage\n" + base, ".aws/config": "role_arn = before any section\n[\n]\n[profile dev]\njunk\n" + role + "= x\n[]\n"}, taken: "base dev"},
}

// TestAwkwardHomes: nothing is lost, what is taken over still makes the same request, a second run
// finds nothing to do, and undoing gives the same bytes back.
func TestAwkwardHomes(t *testing.T) {
	for name, tc := range homes {
		for _, opts := range []Options{{MoveKeys: true, Program: "sts-helper"}, {MoveKeys: true, Store: true, Program: "sts-helper"}} {
			where := map[bool]string{false: "file", true: "store"}[opts.Store]
			t.Run(name+"/"+where, func(t *testing.T) { awkwardHome(t, tc.home, tc.taken, tc.err, opts) })
		}
	}
}

func awkwardHome(t *testing.T, h home, want, wantErr string, opts Options) {
	dir, env := h.make(t)
	before := tree(t, dir)
	was := requests(env)
	p, err := NewPlan(env, opts)
	if wantErr != "" {
		if err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Fatalf("%v, want %q", err, wantErr)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	taken := p.Taken()
	slices.Sort(taken)
	if got := strings.Join(taken, " "); got != want {
		t.Errorf("taken %q, want %q: %+v", got, want, p.Profiles)
	}
	for _, c := range p.Changes() {
		if strings.Contains(c.Diff, "CANARYsecret") {
			t.Errorf("a secret is shown:\n%s", c.Diff)
		}
	}
	if _, err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	if j, err := os.ReadFile(journalPath(env)); err == nil && strings.Contains(string(j), "CANARY") {
		t.Errorf("a secret is in the journal: %s", j)
	}
	describe(t, env, p)
	sameRequests(t, env, was, taken)
	again, err := NewPlan(env, opts)
	if err != nil || len(again.Changes()) > 0 {
		t.Errorf("a second run: %v, %+v", err, again.Changes())
	}
	for link, target := range before {
		if now := tree(t, dir)[link]; !strings.HasPrefix(target, "-") && now != target {
			t.Errorf("link %s is now %q", link, now)
		}
	}
	if opts.Store {
		for path, text := range tree(t, dir) {
			if strings.Contains(text, "secret_access_key") && !strings.Contains(path, backupSuffix) && before[path] == "" {
				t.Errorf("a key is in %s", path)
			}
		}
		if err := os.RemoveAll(filepath.Join(dir, ".local")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Remove(env, false); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("undone: %q\nwas %q", after, before)
	}
}

// describe writes the descriptions of the keys that a plan takes out of files, as storing them does.
func describe(t *testing.T, env settings.Environment, p *Plan) {
	t.Helper()
	for _, k := range p.StoredKeys() {
		d := storedkey.Key{Name: k.Profile, AccessKeyID: k.AccessKeyID, Store: storedkey.System, MFASerial: k.MFASerial}
		data, err := d.Encode()
		if err == nil {
			err = os.MkdirAll(settings.KeysDir(env), 0o700)
		}
		if err == nil {
			err = os.WriteFile(storedkey.Path(settings.KeysDir(env), k.Profile), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// what of a request must stay the same: what is asked for, with which key.
type asked struct{ operation, role, serial, external, key string }

func requests(env settings.Environment) map[string]asked {
	all := map[string]asked{}
	files, err := settings.SharedFiles(env)
	if err != nil {
		return all
	}
	for _, name := range files.ProfileNames() {
		if r, err := settings.Load(settings.Flags{"source-profile": {name}}, env); err == nil {
			all[name] = what(r)
		}
	}
	return all
}

func what(r *request.Request) asked {
	a := asked{operation: r.Operation, role: r.RoleARN, serial: r.SerialNumber, external: r.ExternalID}
	for r.Base != nil {
		r = r.Base
		a.serial += r.SerialNumber
	}
	a.key = r.Source.AccessKeyID
	return a
}

func sameRequests(t *testing.T, env settings.Environment, was map[string]asked, taken []string) {
	t.Helper()
	files, err := settings.SharedFiles(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range taken {
		r, err := settings.LoadNamed(name, nil, env)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := files.Profile(name)
		for _, key := range []string{awsconfig.KeyAccessKeyID, awsconfig.KeySecretAccessKey, awsconfig.KeyRoleARN, awsconfig.KeySourceProfile, awsconfig.KeySSOAccountID, awsconfig.KeySSOSession, awsconfig.KeyLoginSession} {
			if p.Has(key) {
				t.Errorf("%s still has %s, which wins over its process in some SDK", name, key)
			}
		}
		if !settings.RunsUs(env, p) {
			t.Errorf("%s runs %q", name, p.Value(awsconfig.KeyProcess))
		}
		old, ok := was[name]
		if !ok || strings.HasPrefix(old.key, "ASIA") || r.Source.Kind == request.SourceProcess || r.Base != nil && r.Base.Source.Kind == request.SourceProcess {
			continue
		}
		now := what(r)
		if old.serial == "" {
			now.serial = "" // an entry of config.toml shows the device of the keys
		}
		if now != old {
			t.Errorf("%s asks for %+v, and asked for %+v", name, now, old)
		}
	}
}

// What the user changed meanwhile stays; only setup's own lines go.
func TestRemoveAmongChanges(t *testing.T) {
	dir, env := home{".aws/credentials": base, ".aws/config": "[profile dev]\nregion = eu-west-1\n" + role}.make(t)
	before := tree(t, dir)
	p, err := NewPlan(env, Options{Program: "sts-helper"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ".aws/config")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("# new\n"+string(data)+"[profile later]\nregion = x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	undone, err := Remove(env, true)
	if err != nil || len(undone) != 2 {
		t.Fatalf("%+v, %v", undone, err)
	}
	undone, err = Remove(env, false)
	if err != nil {
		t.Fatal(err)
	}
	after := tree(t, dir)
	want := strings.Replace(before["/.aws/config"], "\n", "\n# new\n", 1) + "[profile later]\nregion = x\n"
	if after["/.aws/config"] != want {
		t.Errorf("%q, want %q", after["/.aws/config"], want)
	}
	if i := slices.IndexFunc(undone, func(u Undone) bool { return u.State == "edited" && u.Backup != "" && u.Left == 0 }); i < 0 {
		t.Errorf("%+v", undone)
	}
	if _, there := after["/.aws/config.before-sts-helper"]; !there {
		t.Errorf("the backup is gone: %v", slices.Sorted(maps.Keys(after)))
	}
}

// Two runs are undone together.
func TestTwoRuns(t *testing.T) {
	dir, env := home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role + "[profile ops]\n" + role}.make(t)
	before := tree(t, dir)
	for _, name := range []string{"dev", "ops", "base"} {
		p, err := NewPlan(env, Options{Profiles: []string{name}, Program: "sts-helper"})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Taken(); len(got) != 1 || got[0] != name {
			t.Fatalf("%v", got)
		}
		if _, err := p.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Remove(env, false); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("%q\nwas %q", after, before)
	}
}

// What names no entry of config.toml is not changed by the default profile's.
func TestDefaultProfileCountsForNothingElse(t *testing.T) {
	_, env := home{".aws/credentials": base, ".aws/config": "[default]\n" + role}.make(t)
	ask := settings.Flags{"source-profile": {"base"}}
	before, err := settings.Load(ask, env)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(env, Options{Program: "sts-helper"})
	if err != nil || !slices.Equal(p.Taken(), []string{"default"}) {
		t.Fatalf("%v, %v", p.Taken(), err)
	}
	if _, err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	after, err := settings.Load(ask, env)
	if err != nil || what(after) != what(before) {
		t.Errorf("%+v, want %+v: %v", what(after), what(before), err)
	}
	if r, err := settings.LoadNamed("default", nil, env); err != nil || r.RoleARN == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A run that ended between two files is undone as well.
func TestRemoveAfterHalfARun(t *testing.T) {
	for _, name := range []string{".aws/config", ".aws/credentials"} {
		dir, env := home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role}.make(t)
		before := tree(t, dir)
		p, err := NewPlan(env, Options{MoveKeys: true, Program: "sts-helper"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Apply(); err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(before["/"+name], "\n")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, ".config/sts-helper/config.toml")); err != nil {
			t.Fatal(err)
		}
		if _, err := Remove(env, false); err != nil {
			t.Fatal(err)
		}
		if after := tree(t, dir); !maps.Equal(before, after) {
			t.Errorf("%s: %q\nwas %q", name, after, before)
		}
	}
}

func TestModesAndSecondNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are Unix's")
	}
	dir, env := home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role}.make(t)
	path := filepath.Join(dir, ".aws/config")
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(env, Options{Program: "sts-helper"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o664 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Link(path, path+".link"); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPlan(env, Options{Program: "sts-helper"}); err == nil || !strings.Contains(err.Error(), "hard link") {
		t.Errorf("%v", err)
	}
}

func TestWhatChangedMeanwhileIsNotWritten(t *testing.T) {
	dir, env := home{".aws/credentials": base, ".aws/config": "[profile dev]\n" + role}.make(t)
	p, err := NewPlan(env, Options{Program: "sts-helper"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".aws/config"), []byte("[profile other]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	if _, err := p.Apply(); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("%v", err)
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("%q", after)
	}
}

func TestCommand(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"sts-helper", "dev"}:                  "sts-helper --profile dev",
		{"/opt/my tools/sts-helper", "my dev"}: `"/opt/my tools/sts-helper" --profile "my dev"`,
		{"sts-helper", "a'b"}:                  "",
		{"sts-helper", "a%b%"}:                 "",
		{"sts-helper", "-x"}:                   "",
		{"sts-helper", "~x"}:                   "",
	} {
		if got := command(in[0], in[1]); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Only a user's key is taken out of a profile: a session token beside it, under either of its names, makes it another.
func TestTakeKey(t *testing.T) {
	const temporary = "[base]\naws_access_key_id = ASIACANARYBASE000001\naws_secret_access_key = CANARYsecret\n"
	for credentials, ok := range map[string]bool{
		base: true,
		base + "aws_session_token = CANARYtoken\n":       false,
		temporary + "aws_session_token = CANARYtoken\n":  false,
		temporary + "aws_security_token = CANARYtoken\n": false,
		base + "aws_security_token = CANARYtoken\n":      true, // a leftover
	} {
		_, env := home{".aws/credentials": credentials}.make(t)
		_, key, err := TakeKey(env, "base", "work", Options{Program: "sts-helper"})
		if ok && (err != nil || key.AccessKeyID != "AKIACANARYBASE000001") || !ok && (err == nil || !strings.Contains(err.Error(), "has no long-term key")) {
			t.Errorf("%s: %+v, %v", credentials, key.AccessKeyID, err)
		}
	}
}

// The entries of config.toml that build on a key follow it to where it moves. Where that takes more than another line,
// nothing is changed.
func TestEntriesThatBuildOnAKey(t *testing.T) {
	const refused = "builds on it by more than a line"
	for name, tc := range map[string]struct{ toml, file, store string }{
		"one": {"[profile.one]\nsource_profile = \"base\"\nduration = \"2h\"",
			"[profile.one]\nsource_profile = \"base\"\ncredentials_file = \"credentials\"\nduration = \"2h\"",
			"[profile.one]\nsource_key = \"base\"\nregion = \"eu-west-1\"\nduration = \"2h\""},
		"two, and one of another profile": {"[profile.one]\nsource_profile = 'base' # mine\r\n[profile.dev]\nsource_profile = \"dev\"\n[profile.two]\nregion = \"us-east-1\"\n  source_profile=\"base\"",
			"[profile.one]\nsource_profile = 'base' # mine\r\ncredentials_file = \"credentials\"\r\n[profile.dev]\nsource_profile = \"dev\"\n[profile.two]\nregion = \"us-east-1\"\n  source_profile=\"base\"\ncredentials_file = \"credentials\"",
			"[profile.one]\nsource_key = 'base' # mine\r\nregion = \"eu-west-1\"\r\n[profile.dev]\nsource_profile = \"dev\"\n[profile.two]\nregion = \"us-east-1\"\n  source_key=\"base\""},
		"a region behind another section": {"[profile.one]\nsource_profile = \"base\"\n[profile.two]\nsource_profile = \"dev\"\n[profile]\none.region = \"us-east-1\"",
			"[profile.one]\nsource_profile = \"base\"\ncredentials_file = \"credentials\"\n[profile.two]\nsource_profile = \"dev\"\n[profile]\none.region = \"us-east-1\"",
			"[profile.one]\nsource_key = \"base\"\n[profile.two]\nsource_profile = \"dev\"\n[profile]\none.region = \"us-east-1\""},
		"text that looks like the line":    {"[profile.one]\nsource_command = \"\"\"\nsource_profile = \"base\"\n\"\"\"", "", ""},
		"inline":                           {"[profile]\none = { source_profile = \"base\" }", refused, refused},
		"inline, on lines of its own":      {"[profile]\none = {\nsource_profile = \"base\"\n}", refused, refused},
		"dotted":                           {"[profile]\none.source_profile = \"base\"", refused, refused},
		"quoted":                           {"[profile.one]\n\"source_profile\" = \"base\"", refused, refused},
		"a text of several lines":          {"[profile.one]\nsource_profile = \"\"\"\nbase\"\"\"", refused, refused},
		"another file":                     {"[profile.one]\ncredentials_file = \"mine\"\nsource_profile = \"base\"", refused, refused},
		"one that can, and one that can't": {"[profile.one]\nsource_profile = \"base\"\n[profile]\ntwo.source_profile = \"base\"", refused, refused},
	} {
		for _, opts := range []Options{{MoveKeys: true, Program: "sts-helper"}, {MoveKeys: true, Store: true, Program: "sts-helper"}} {
			want := tc.file
			if opts.Store {
				want = tc.store
			}
			_, env := home{".aws/credentials": base + "region = eu-west-1\n", ".config/sts-helper/config.toml": tc.toml}.make(t)
			p, err := NewPlan(env, opts)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if want == refused {
				if len(p.Taken()) != 0 || !strings.Contains(p.Profiles[0].Reason, refused) {
					t.Errorf("%s, store %v: taken %v, %+v", name, opts.Store, p.Taken(), p.Profiles)
				}
				continue
			}
			if want == "" {
				want = tc.toml
			}
			if got := string(p.toml.edit.Bytes()); !strings.HasPrefix(got, want+"\n") || len(p.Taken()) != 1 {
				t.Errorf("%s, store %v: %q, want %q and more; %+v", name, opts.Store, got, want, p.Profiles)
			}
		}
	}
}
