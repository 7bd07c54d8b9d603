package imds_test

import (
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	sdkimds "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// The SDK's own clients, with version 1 forbidden, so that nothing but version 2 can have answered.
func TestGoSDKMetadataClient(t *testing.T) {
	addr := serve(t, build(t, config(newFake(time.Hour))), "127.0.0.1:0")
	c := sdkimds.New(sdkimds.Options{ClientEnableState: sdkimds.ClientEnabled, Endpoint: "http://" + addr, EnableFallback: aws.FalseTernary})
	ctx := t.Context()

	got, err := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = c }).Retrieve(ctx)
	if err != nil || got.AccessKeyID == "" || got.SessionToken == "" || !got.CanExpire {
		t.Errorf("role credentials: %v", err)
	}
	if r, err := c.GetRegion(ctx, nil); err != nil || r.Region != "eu-central-1" {
		t.Errorf("region: %v", err)
	}
	if d, err := c.GetInstanceIdentityDocument(ctx, nil); err != nil || d.AccountID != "123456789012" {
		t.Errorf("identity document: %v", err)
	}
	if i, err := c.GetIAMInfo(ctx, nil); err != nil || i.InstanceProfileArn != "arn:aws:iam::123456789012:instance-profile/dev" {
		t.Errorf("iam info: %v", err)
	}
	for _, path := range []string{"instance-id", "/instance-id", "instance-id/", ""} {
		m, err := c.GetMetadata(ctx, &sdkimds.GetMetadataInput{Path: path})
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		if b, err := io.ReadAll(m.Content); err != nil || len(b) == 0 {
			t.Errorf("%q: %q %v", path, b, err)
		}
	}
	if _, err := c.GetUserData(ctx, nil); err == nil {
		t.Error("there is user data")
	}
}

func TestGoSDKContainerClient(t *testing.T) {
	p := newFake(time.Hour)
	s := build(t, config(p))
	addr := serve(t, s, "127.0.0.1:0")
	get := func(token string) (aws.Credentials, error) {
		return endpointcreds.New("http://"+addr+"/credentials/dev", func(o *endpointcreds.Options) { o.AuthorizationToken = token }).Retrieve(t.Context())
	}
	got, err := get(bearer)
	if err != nil || got.SessionToken == "" || got.AccountID != "123456789012" || !got.CanExpire {
		t.Errorf("%v", err)
	}
	var coded interface{ ErrorCode() string }
	if _, err := get("wrong"); !asError(err, &coded) || coded.ErrorCode() != "AccessDenied" {
		t.Errorf("a wrong token: %v", err)
	}

	out := newFake(time.Hour)
	out.fail(errLogin)
	addr = serve(t, build(t, config(out)), "127.0.0.1:0")
	begin := time.Now()
	if _, err := get(bearer); !asError(err, &coded) || coded.ErrorCode() != "LoginRequired" {
		t.Errorf("without a login: %v", err)
	}
	t.Logf("after %v", time.Since(begin))
}
