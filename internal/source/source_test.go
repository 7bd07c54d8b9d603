package source_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/token"
)

const document = `{"Version":1,"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"CANARY","SessionToken":"CANARYtoken","Expiration":"2999-01-01T00:00:00Z"}`

func fetch(t *testing.T, def request.Source, env map[string]string) (token.Credentials, error) {
	t.Helper()
	return source.New(def, source.Options{Region: "eu-west-1", Getenv: func(name string) string { return env[name] }, Chain: source.Chain{"0123456789abcdef"}}).Fetch(t.Context())
}

// Each source gives the credentials of its definition, or one line about what is missing.
func TestFetch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	dir := t.TempDir()
	keys := filepath.Join(dir, "credentials")
	text := "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n[none]\nregion = eu-west-1\n"
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "config")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	static := func(profile, id string) request.Source {
		return request.Source{Kind: request.SourceStatic, Profile: profile, CredentialsFile: keys, ConfigFile: none, AccessKeyID: id}
	}
	command := func(line string) request.Source {
		return request.Source{Kind: request.SourceProcess, Profile: "dev", Command: line}
	}
	environment := request.Source{Kind: request.SourceEnvironment, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	for name, tc := range map[string]struct {
		def  request.Source
		env  map[string]string
		want string // the access key id, or what the error says
	}{
		"static":                  {static("base", "AKIAIOSFODNN7EXAMPLE"), nil, "AKIAIOSFODNN7EXAMPLE"},
		"static, changed":         {static("base", "AKIAI44QH8DHBEXAMPLE"), nil, `the keys of AWS profile "base" changed while they were read (AKIAI44QH8DHBEXAMPLE, then AKIAIOSFODNN7EXAMPLE); try again`},
		"static, without keys":    {static("none", ""), nil, `AWS profile "none" gave no access key`},
		"static, no profile":      {static("nobody", ""), nil, `AWS profile "nobody" cannot be read: `},
		"environment":             {environment, map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "CANARY"}, "AKIAIOSFODNN7EXAMPLE"},
		"environment, old names":  {environment, map[string]string{"AWS_ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_KEY": "CANARY"}, "AKIAIOSFODNN7EXAMPLE"},
		"environment, unset":      {environment, nil, "the environment (AWS_ACCESS_KEY_ID) gave no access key"},
		"process":                 {command("echo '" + document + "'"), nil, "ASIAIOSFODNN7EXAMPLE"},
		"process, in the chain":   {command(`test "$STS_HELPER_CHAIN" = 0123456789abcdef && echo '` + document + "'"), nil, "ASIAIOSFODNN7EXAMPLE"},
		"process, that complains": {command("echo CANARY; echo no vault here >&2; exit 4"), nil, `the credential_process of AWS profile "dev" ended with exit status 4: no vault here`},
		"process, of ours":        {command("echo 'sts-helper: the vault is shut' >&2; exit 4"), nil, "the vault is shut"},
		"process, prints little":  {command("echo CANARY"), nil, `the credential_process of AWS profile "dev" printed no usable document: `},
		"process, prints much":    {command("yes CANARY | head -c 1000000"), nil, `the credential_process of AWS profile "dev" wrote more than`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := fetch(t, tc.def, tc.env)
			switch {
			case err == nil && c.AccessKeyID != tc.want:
				t.Errorf("%s, want %s", c.AccessKeyID, tc.want)
			case err == nil:
			case !strings.HasPrefix(err.Error(), tc.want) || failure.ClassOf(err) != failure.Source:
				t.Errorf("%v, class %s, want %s", err, failure.ClassOf(err), tc.want)
			case strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "\n") || c != (token.Credentials{}):
				t.Errorf("shows %v, %v", err, c)
			}
		})
	}
}

// A nested helper that stopped at its settings is a mistake in the settings here, too.
func TestNestedConfiguration(t *testing.T) {
	_, err := fetch(t, request.Source{Kind: request.SourceProcess, Command: "echo sts-helper: no profile >&2; exit 3"}, nil)
	if failure.ClassOf(err) != failure.Configuration || err.Error() != "no profile" {
		t.Errorf("%v, class %s", err, failure.ClassOf(err))
	}
}

func TestUnsigned(t *testing.T) {
	if s := source.New(request.Source{}, source.Options{}); s != nil {
		t.Errorf("%v", s)
	}
}
