package github_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/source/github"
)

var audience = github.Audience(awsname.PartitionOf("eu-west-1"))

func TestToken(t *testing.T) {
	e := emulator.New(emulator.World{})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p := e.AddOIDCProvider("111122223333", emulator.GitHubIssuer, audience)
	role := e.AddRole("111122223333", "deploy", emulator.Trust(p.ARN))
	job := e.AddGitHubJob("octo/app")
	transport := &http.Transport{DisableKeepAlives: true}
	ctx := context.Background()

	token, err := github.Token(ctx, transport, job.RequestURL, job.RequestToken, audience)
	if err != nil {
		t.Fatal(err)
	}
	api := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(e.URL()), HTTPClient: &http.Client{Transport: transport}})
	if _, err := api.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role.ARN, RoleSessionName: aws.String("job"), WebIdentityToken: &token}); err != nil {
		t.Error(err)
	}

	for _, tt := range []struct{ url, token, want string }{
		{"", job.RequestToken, "id-token: write"},
		{job.RequestURL, "", "id-token: write"},
		{"no URL", job.RequestToken, "not a URL"},
		{job.RequestURL, "CANARYwrong", "HTTP 401"},
	} {
		_, err := github.Token(ctx, transport, tt.url, tt.token, audience)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", tt.want, err)
		}
	}
	e.Fault(emulator.Fault{Kind: emulator.EmptyBody, Op: "GetIDToken", Times: 1})
	if _, err := github.Token(ctx, transport, job.RequestURL, job.RequestToken, audience); err == nil {
		t.Error("took an empty answer")
	}
	e.Close()
	if _, err := github.Token(ctx, transport, job.RequestURL, job.RequestToken, audience); err == nil || errors.Is(err, github.ErrNotAJob) {
		t.Error(err)
	}
}
