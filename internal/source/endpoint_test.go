package source_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
)

// The SDK's default chain asks the container's endpoint first.
func TestEndpoint(t *testing.T) {
	container, instance := "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	for _, tc := range []struct {
		kind          request.SourceKind
		env           map[string]string
		url, variable string
	}{
		{request.SourceContainer, map[string]string{container: "c", instance: "i"}, "c", container},
		{request.SourceInstance, map[string]string{container: "c", instance: "i"}, "i", instance},
		{request.SourceDefault, map[string]string{container: "c", instance: "i"}, "c", container},
		{request.SourceDefault, map[string]string{instance: "i"}, "i", instance},
		{request.SourceDefault, nil, "", instance},
		{request.SourceStatic, map[string]string{container: "c", instance: "i"}, "", ""},
	} {
		url, variable := source.Endpoint(request.Source{Kind: tc.kind}, func(name string) string { return tc.env[name] })
		if url != tc.url || variable != tc.variable {
			t.Errorf("%+v: %q, %q", tc, url, variable)
		}
	}
}
