package emulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

func githubToken(t testing.TB, url, token string) (status int, value string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "bearer "+token)
	res, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct{ Value string }
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, doc.Value
}

func TestGitHubJobTakesARole(t *testing.T) {
	e := start(t, emulator.World{})
	c := new(clock).set(e)
	p := e.AddOIDCProvider(account, emulator.GitHubIssuer, "sts.amazonaws.com")
	r := e.AddRole(account, "deploy", emulator.Trust(p.ARN))
	j := e.AddGitHubJob("octo/app")

	assume := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return client(e, "", "", "").AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &r.ARN, RoleSessionName: aws.String("job"), WebIdentityToken: &token})
	}
	status, token := githubToken(t, j.RequestURL+"&audience=sts.amazonaws.com", j.RequestToken)
	if status != 200 {
		t.Fatal(status)
	}
	out, err := assume(token)
	if err != nil {
		t.Fatal(err)
	}
	if *out.SubjectFromWebIdentityToken != "repo:octo/app:ref:refs/heads/main" || !strings.HasSuffix(*out.AssumedRoleUser.Arn, "/deploy/job") {
		t.Errorf("%s, %s", *out.SubjectFromWebIdentityToken, *out.AssumedRoleUser.Arn)
	}
	c.now = c.now.Add(5 * time.Minute)
	_, err = assume(token)
	wantError(t, err, "ExpiredTokenException")
	_, token = githubToken(t, j.RequestURL, j.RequestToken) // for https://github.com/octo
	_, err = assume(token)
	wantError(t, err, "InvalidIdentityToken")

	if status, _ := githubToken(t, j.RequestURL, "wrong"); status != 401 {
		t.Error(status)
	}
	if status, _ := githubToken(t, strings.Replace(j.RequestURL, "2.0", "1.0", 1), j.RequestToken); status != 400 {
		t.Error(status)
	}
	old := j.RequestToken
	e.EndGitHubJob(j)
	for _, token := range []string{old, ""} {
		if status, _ := githubToken(t, j.RequestURL, token); status != 401 {
			t.Error(status)
		}
	}
}
