// Package awsfiles is the table of docs/aws-files.md: what can be written into ~/.aws/config and
// credentials, and what each reader does with it. The rows are here; the cells are in cells.tsv, which
// the tests of this package hold to what sts-helper and the SDK for Go do, and those of integration/sdk
// ("make conformance") to what the other SDKs do.
package awsfiles

import (
	_ "embed"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// Columns are the readers: their ids, and their titles.
var Columns = [...][2]string{{"awscli", "AWS CLI"}, {"boto3", "botocore"}, {"go", "Go"}, {"js", "JavaScript"}, {"java", "Java"}, {"rust", "Rust"}, {"ours", "sts-helper"}}

// What cells say beside values.
const (
	None    = "–"          // the profile has no such key, or no credentials
	Missing = "no profile" // or no section
	Refused = "refused"
	Asks    = "asks for a code"
)

// Cell is the text for an answer: one of value, none, missing, asks and error, and a value.
func Cell(state, value string) string {
	switch state {
	case "value":
		if strings.TrimSpace(value) == "" {
			return "empty"
		}
		return strings.NewReplacer("\n", "⏎", "\ufeff", "BOM ").Replace(value)
	case "none":
		return None
	case "missing":
		return Missing
	case "asks":
		return Asks
	}
	return Refused
}

// What is what is asked for, as the drivers of integration/sdk have it.
func (r Row) What() string {
	if r.Ask == Credentials || strings.Contains(r.Ask, ":") {
		return r.Ask
	}
	return "profile:" + r.Name() + ":" + r.Ask
}

// Name is the profile that is asked for.
func (r Row) Name() string {
	if r.Profile == "" {
		return "dev"
	}
	return r.Profile
}

// TLS reports whether the row's STS is one with a certificate of ca.pem.
func (r Row) TLS() bool { return r.ID == "cabundle" }

// Write makes the two files in dir, and what they name.
func (r Row) Write(dir string, ca []byte) error {
	const document = `{"Version":1,"AccessKeyId":"PROC","SecretAccessKey":"CANARY"`
	for name, text := range map[string]string{
		"config": strings.ReplaceAll(r.Config, "DIR", dir), "credentials": strings.ReplaceAll(r.Creds, "DIR", dir), "ca.pem": string(ca),
		"proc": document, "proc space": "}", "time": document + `,"SessionToken":"CANARY","Expiration":"2099-01-01T00:00:00+0100"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Ours is what sts-helper does with the files in dir.
func (r Row) Ours(dir string) string {
	if kind, rest, ok := strings.Cut(r.Ask, ":"); ok || r.Ask != Credentials {
		data := func(name string) awsconfig.File {
			b, _ := os.ReadFile(filepath.Join(dir, name))
			return awsconfig.File{Path: name, Data: b}
		}
		files := &awsconfig.Files{Config: data("config"), Credentials: data("credentials")}
		_, err := settings.Load(settings.Flags{"source-profile": {r.Name()}}, r.environment(dir))
		if err != nil && strings.Contains(err.Error(), "UTF-16") {
			return Refused
		}
		p, alike := files.Find(r.Name())
		key := r.Ask
		if ok {
			var name string
			name, key, _ = strings.Cut(rest, ":")
			if alike == nil {
				alike = files.OtherLooksLike(kind, name)
			}
			p = files.Other(kind, name)
		}
		if alike != nil {
			return Refused
		}
		if p == nil {
			return Missing
		}
		key, sub, _ := strings.Cut(key, ".")
		prop := p.Get(key)
		if sub != "" {
			prop = prop.Nested(sub)
		}
		if prop == nil || prop.Value == "" {
			return None
		}
		return Cell("value", prop.Value)
	}
	req, err := settings.Load(settings.Flags{"source-profile": {r.Name()}}, r.environment(dir))
	if err != nil {
		return Refused
	}
	return ofRequest(req)
}

func (r Row) environment(dir string) settings.Environment {
	vars := map[string]string{"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials")}
	return settings.Environment{
		Getenv:   func(name string) string { return vars[name] },
		HomeDir:  func() string { return dir },
		UserName: func() string { return "ada" },
	}
}

// ofRequest says whose credentials a request leads to.
func ofRequest(req *request.Request) string {
	what := "nothing"
	switch {
	case req.Base != nil:
		what = ofRequest(req.Base)
	case req.Source.Kind == request.SourceStatic:
		what = req.Source.AccessKeyID
		if token := sessionToken(req.Source); token != "" && token != "CANARY" {
			what += " with " + token
		}
	case req.Source.Kind == request.SourceProcess:
		what = "PROC"
	case req.Source.Login != nil:
		return Refused // there is none
	case req.Source.Kind == request.SourceDefault:
		return None
	}
	switch {
	case req.RoleARN != "":
		what = "role " + req.RoleARN[strings.LastIndexByte(req.RoleARN, '/')+1:] + " by " + what
	case req.SerialNumber != "":
		what += " with MFA"
	}
	return what
}

// sessionToken is the token beside a profile's keys.
func sessionToken(s request.Source) string {
	var files awsconfig.Files
	files.Config.Data, _ = os.ReadFile(s.ConfigFile)
	files.Credentials.Data, _ = os.ReadFile(s.CredentialsFile)
	return files.Profile(s.Profile).SessionToken()
}

//go:embed cells.tsv
var cells string

// Cells are the cells as they were found, by row and column.
func Cells() map[string]map[string]string {
	all := map[string]map[string]string{}
	for line := range strings.Lines(cells) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 1+len(Columns) {
			continue
		}
		row := map[string]string{}
		for i, c := range Columns {
			row[c[0]] = f[i+1]
		}
		all[f[0]] = row
	}
	return all
}

// Encode is the file of cells.
func Encode(all map[string]map[string]string) string {
	var b strings.Builder
	for _, r := range Rows() {
		b.WriteString(r.ID)
		for _, c := range Columns {
			b.WriteString("\t" + all[r.ID][c[0]])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The marks in docs/aws-files.md around what Render gives.
const (
	Begin = "<!-- The tables up to the next mark are written by \"make conformance\". -->"
	End   = "<!-- End of what \"make conformance\" writes. -->"
)

// Render is the tables as Markdown.
func Render(all map[string]map[string]string) string {
	var b strings.Builder
	group := ""
	for _, r := range Rows() {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(&b, "\n### %s\n\n| |", group)
			for _, c := range Columns {
				fmt.Fprintf(&b, " %s |", c[1])
			}
			b.WriteString(" why |\n|" + strings.Repeat(" --- |", len(Columns)+2) + "\n")
		}
		fmt.Fprintf(&b, "| %s |", r.Title)
		for _, c := range Columns {
			fmt.Fprintf(&b, " %s |", strings.ReplaceAll(all[r.ID][c[0]], "|", `\|`))
		}
		fmt.Fprintf(&b, " %s |\n", r.Why)
	}
	return b.String()
}

// Splice puts the tables into the document.
func Splice(doc, tables string) (string, error) {
	before, rest, ok := strings.Cut(doc, Begin)
	_, after, ok2 := strings.Cut(rest, End)
	if !ok || !ok2 {
		return "", fmt.Errorf("the document has no marks for the tables")
	}
	return before + Begin + "\n" + tables + "\n" + End + after, nil
}

// STS is one that gives whatever it is asked for, under an access key id that says what it was: the
// drivers show nothing else.
type STS struct{}

// ServeHTTP answers AssumeRole and GetCallerIdentity.
func (STS) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if err := req.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	_, by, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	by, _, _ = strings.Cut(by, "/")
	by = strings.ReplaceAll(by, ".", " ")
	w.Header().Set("Content-Type", "text/xml")
	const ns = `xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`
	if req.Form.Get("Action") == "GetCallerIdentity" {
		fmt.Fprintf(w, `<GetCallerIdentityResponse %s><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>%s</UserId><Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>`, ns, by)
		return
	}
	arn := req.Form.Get("RoleArn")
	role := arn[strings.LastIndexByte(arn, '/')+1:]
	if req.Form.Has("SerialNumber") {
		by += " with a device"
	}
	if token := req.Header.Get("X-Amz-Security-Token"); token != "" && token != "CANARY" {
		by += " with " + token
	}
	// A blank in an id would not survive every SDK's header.
	id := strings.ReplaceAll("role "+role+" by "+by, " ", ".")
	fmt.Fprintf(w, `<AssumeRoleResponse %s><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/%s/s</Arn></AssumedRoleUser>`+
		`<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>CANARY</SecretAccessKey><SessionToken>CANARY</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>`, ns, role, id)
}

// Readable is an access key id of STS as a cell has it.
func Readable(id string) string { return strings.ReplaceAll(id, ".", " ") }

// Differ lists the rows in which sts-helper does otherwise than the AWS CLI.
func Differ(all map[string]map[string]string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id]["awscli"] != all[id]["ours"] {
			ids = append(ids, id)
		}
	}
	return ids
}
