package awsconfig_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// Messages name the line that is to be changed: the one that counts, of both files.
func TestWhere(t *testing.T) {
	files := &awsconfig.Files{
		Config:      awsconfig.File{Path: "/a/config", Data: []byte("# first\n[profile dev]\nregion = a\nrole_arn = b\ns3 =\n  endpoint_url = c\n[profile dev]\nregion = d\n")},
		Credentials: awsconfig.File{Path: "/a/\x1bcredentials", Data: []byte("[dev]\n\nrole_arn = e\n")},
	}
	p := files.Profile("dev")
	for key, want := range map[string]string{
		"region":   "/a/config:8",
		"role_arn": `/a/\x1bcredentials:3`,
		"s3":       "/a/config:5",
		"none":     `/a/config, /a/\x1bcredentials`,
	} {
		if got := p.Where(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if got := p.Get("s3").Nested("endpoint_url").Where(); got != "/a/config:6" {
		t.Errorf("a nested line is %q", got)
	}
	if p.Get("none").Nested("x") != nil || p.Get("s3").Nested("none") != nil || files.Profile("none") != nil {
		t.Error("found what there is not")
	}
}
