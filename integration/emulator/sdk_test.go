package emulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const account = "111122223333"

// start runs an emulator for the length of a test.
func start(t testing.TB, w emulator.World) *emulator.Emulator {
	t.Helper()
	e := emulator.New(w)
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

type static struct{ id, secret, token string }

func (s static) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: s.id, SecretAccessKey: s.secret, SessionToken: s.token}, nil
}

// client is the SDK's own, without retries, so that one call is one request.
func client(e *emulator.Emulator, id, secret, token string) *sts.Client {
	return sts.New(sts.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(e.URL()),
		Credentials:  static{id, secret, token},
		Retryer:      aws.NopRetryer{},
		HTTPClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second},
	})
}

func userClient(e *emulator.Emulator, u *emulator.User) *sts.Client {
	return client(e, u.AccessKeyID, u.SecretAccessKey, "")
}

func TestSessionTokenThroughTheSDK(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	ctx := context.Background()
	out, err := userClient(e, alice).GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	if !strings.HasPrefix(*c.AccessKeyId, "ASIA") || len(*c.AccessKeyId) != 20 {
		t.Errorf("access key id %q", *c.AccessKeyId)
	}
	if !strings.Contains(*c.SecretAccessKey, "CANARY") || !strings.Contains(*c.SessionToken, "CANARY") {
		t.Error("secret or token without the marker")
	}
	if left := time.Until(*c.Expiration); left < 10*time.Minute || left > 900*time.Second {
		t.Errorf("expires in %s", left)
	}
	who, err := client(e, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).GetCallerIdentity(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != alice.ARN || *who.Account != account || *who.UserId != alice.UserID {
		t.Errorf("identity %v %v %v", *who.Arn, *who.Account, *who.UserId)
	}
	id, ok := e.Lookup(*c.AccessKeyId)
	if !ok || id.User != "alice" || id.Operation != "GetSessionToken" || id.IssuedTo != alice.AccessKeyID || id.Region != "eu-west-1" {
		t.Errorf("lookup: %+v %v", id, ok)
	}
	if e.Count("GetSessionToken") != 1 || e.Succeeded("GetSessionToken") != 1 || e.Count("") != 2 {
		t.Errorf("counts: %d %d %d", e.Count("GetSessionToken"), e.Succeeded("GetSessionToken"), e.Count(""))
	}
}
