package awsfiles_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/awsfiles"
	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/doctor"
)

// elsewhere are the rows whose outcome is not decided by which link of the chain comes first, but by what
// is behind it, which doctor does not look at.
var elsewhere = map[string]string{
	"self": "a loop", "selfnokeys": "a loop", "chainself": "a loop", "circle": "a loop",
	"nosource": "the source", "sourceempty": "the source", "quotedsource": "the source",
	"half": "a mistake that some readers pass over", "halfempty": "the same", "halves": "the same",
	"credsource": "a value", "processtime": "what the command prints", "processquoted": "how the command is split", "regionempty": "a value", "cabundle": "certificates", "mfa": "a code",
}

// What doctor says that each SDK does with a profile is what the SDK was seen to do.
func TestSDKs(t *testing.T) {
	cells, columns := awsfiles.Cells(), map[string]string{}
	for _, c := range awsfiles.Columns {
		columns[c[1]] = c[0]
	}
	compared := 0
	for _, r := range awsfiles.Rows() {
		if r.Group != awsfiles.Meaning || elsewhere[r.ID] != "" {
			continue
		}
		files := &awsconfig.Files{Config: awsconfig.File{Path: "config", Data: []byte(r.Config)}, Credentials: awsconfig.File{Path: "credentials", Data: []byte(r.Creds)}}
		for _, c := range doctor.SDKs(files, files.Profile(r.Name()), func(string) string { return "" }) {
			cell := cells[r.ID][columns[c.SDK]]
			good := false
			switch {
			case cell == "DEV":
				good = c.Takes == doctor.Keys && !c.Runs
			case cell == "PROC":
				good = c.Takes == doctor.Process && c.Runs
			case strings.HasPrefix(cell, "role "):
				good = c.Takes == doctor.Role && c.Runs == (r.ID == "processroleonly")
			case cell == awsfiles.Refused, cell == awsfiles.None:
				// No row has a login or a token, so taking one ends in a refusal as well.
				good = c.Takes == doctor.Refused || c.Takes == doctor.Nothing || c.Takes == doctor.Login && strings.Contains(r.Config, "_session =") || c.Takes == doctor.Web && strings.Contains(r.Config, "web_identity")
			}
			if compared++; !good {
				t.Errorf("%s, %s: doctor says %q, and the SDK was seen to give %s", r.ID, c.SDK, c.Line(), cell)
			}
		}
	}
	if compared < 100 {
		t.Errorf("%d cells were compared", compared)
	}
}

// Keys in variables win, but where AWS_PROFILE counts more (aws-sdk-js-v3 credential-provider-node).
func TestSDKsWithVariables(t *testing.T) {
	files := &awsconfig.Files{Config: awsconfig.File{Path: "config", Data: []byte("[profile dev]\ncredential_process = sts-helper\n")}}
	for _, c := range doctor.SDKs(files, files.Profile("dev"), func(string) string { return "set" }) {
		if want := map[bool]doctor.Link{true: doctor.Process, false: doctor.Variables}[c.SDK == "JavaScript"]; c.Takes != want {
			t.Errorf("%s: %s", c.SDK, c.Line())
		}
	}
}
