package awsfiles_test

import (
	"context"
	"encoding/pem"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sts-helper/sts-helper/integration/awsfiles"
	"github.com/sts-helper/sts-helper/internal/settings"
)

var update = flag.Bool("update", false, "write the cells of sts-helper and of the SDK for Go, and the document's tables")

// The cells of sts-helper and of the SDK for Go are what they do; the others' are looked at by "make
// conformance". The document shows them all.
func TestTable(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	plain, secure := httptest.NewServer(awsfiles.STS{}), httptest.NewTLSServer(awsfiles.STS{})
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	all := awsfiles.Cells()
	for _, r := range awsfiles.Rows() {
		dir := t.TempDir()
		if err := r.Write(dir, ca); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_ENDPOINT_URL_STS", plain.URL)
		if r.TLS() {
			t.Setenv("AWS_ENDPOINT_URL_STS", secure.URL)
		}
		for column, got := range map[string]string{"ours": r.Ours(dir), "go": goSays(r, dir)} {
			if *update {
				if all[r.ID] == nil {
					all[r.ID] = map[string]string{}
				}
				all[r.ID][column] = got
			} else if got != all[r.ID][column] {
				t.Errorf("%s, %s: %s, and the table says %s", r.ID, column, got, all[r.ID][column])
			}
		}
		if differs := all[r.ID]["ours"] != all[r.ID]["awscli"]; differs && r.Why == "" {
			t.Errorf("%s: we do otherwise than the AWS CLI (%s, not %s), and the row does not say why", r.ID, all[r.ID]["ours"], all[r.ID]["awscli"])
		}
	}
	const document = "../../docs/aws-files.md"
	old, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	want, err := awsfiles.Splice(string(old), awsfiles.Render(all))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("cells.tsv", []byte(awsfiles.Encode(all)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(old) {
		t.Error("docs/aws-files.md is not as the cells are: go test ./integration/awsfiles -update")
	}
}

// goSays is what the SDK for Go does. Its parser panics on some files.
func goSays(r awsfiles.Row, dir string) (cell string) {
	defer func() {
		if recover() != nil {
			cell = awsfiles.Refused
		}
	}()
	ctx := context.Background()
	files := []string{filepath.Join(dir, "config")}
	credentials := []string{filepath.Join(dir, "credentials")}
	if r.Ask == awsfiles.Credentials {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(r.Name()), config.WithSharedConfigFiles(files), config.WithSharedCredentialsFiles(credentials))
		if err != nil {
			return awsfiles.Refused
		}
		c, err := cfg.Credentials.Retrieve(ctx)
		if err != nil {
			if strings.Contains(err.Error(), "EC2 IMDS") {
				return awsfiles.None
			}
			return awsfiles.Refused
		}
		return awsfiles.Readable(c.AccessKeyID)
	}
	shared, err := config.LoadSharedConfigProfile(ctx, r.Name(), func(o *config.LoadSharedConfigOptions) { o.ConfigFiles, o.CredentialsFiles = files, credentials })
	if err != nil {
		if strings.Contains(err.Error(), "failed to get shared config profile") {
			return awsfiles.Missing
		}
		return awsfiles.Refused
	}
	kind, _, _ := strings.Cut(r.What(), ":")
	var value string
	switch {
	case kind == "sso-session" && shared.SSOSession == nil, kind == "services" && shared.Services.ServiceValues == nil:
		return awsfiles.Missing
	case kind == "sso-session":
		value = shared.SSOSession.SSORegion
	case kind == "services":
		value = shared.Services.ServiceValues["sts"]["endpoint_url"]
	default:
		field := map[string]string{"region": "Region", "external_id": "ExternalID", "mfa_serial": "MFASerial", "endpoint_url": "BaseEndpoint", "role_session_name": "RoleSessionName"}[r.Ask]
		value = reflect.ValueOf(shared).FieldByName(field).String()
	}
	if value == "" {
		return awsfiles.None
	}
	return awsfiles.Cell("value", value)
}

// The keys that are left to the SDKs change nothing of a request.
func TestKeysThatAreLeft(t *testing.T) {
	const base = "[profile dev]\nregion = eu-west-1\naws_access_key_id = AKIADEV\naws_secret_access_key = CANARY\n"
	load := func(more string) any {
		dir := t.TempDir()
		file := filepath.Join(dir, "config")
		if err := os.WriteFile(file, []byte(base+more), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := settings.Load(settings.Flags{"source-profile": {"dev"}}, settings.Environment{
			Getenv:  func(name string) string { return map[string]string{"AWS_CONFIG_FILE": file}[name] },
			HomeDir: func() string { return "/nowhere" }, UserName: func() string { return "ada" },
		})
		if err != nil {
			t.Errorf("%s: %v", more, err)
			return nil
		}
		r.Source.Files, r.Source.ConfigFile = nil, ""
		return *r
	}
	want := load("")
	for _, key := range awsfiles.Left {
		for _, value := range []string{key[1], "true", "", "CANARY"} {
			if got := load(key[0] + " = " + value + "\n"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s = %s makes a difference: %+v", key[0], value, got)
			}
		}
	}
	doc, err := os.ReadFile("../../docs/aws-files.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range awsfiles.Left {
		if !strings.Contains(string(doc), "`"+key[0]+"`") {
			t.Errorf("docs/aws-files.md does not name %s", key[0])
		}
	}
}

func TestIDs(t *testing.T) {
	var ids []string
	for _, r := range awsfiles.Rows() {
		if slices.Contains(ids, r.ID) || strings.ContainsAny(r.ID, "\t\n ") || r.Title == "" {
			t.Errorf("row %q", r.ID)
		}
		ids = append(ids, r.ID)
	}
}
