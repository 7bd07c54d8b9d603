package sts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// A token for a user without an AWS account, under a policy. The server stands for AWS STS:
// a program that means the real one sets a Region and no Endpoint.
func ExampleClient_Do() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `<GetFederationTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetFederationTokenResult>
			<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>CANARYsecret</SecretAccessKey>
			<SessionToken>CANARYtoken</SessionToken><Expiration>`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`</Expiration></Credentials>
			<FederatedUser><FederatedUserId>111122223333:visitor</FederatedUserId>
			<Arn>arn:aws:sts::111122223333:federated-user/visitor</Arn></FederatedUser>
			<PackedPolicySize>6</PackedPolicySize></GetFederationTokenResult></GetFederationTokenResponse>`)
	}))
	defer server.Close()

	client, err := sts.New(sts.Options{Region: "eu-west-1", Endpoint: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	source := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARYlongterm"}, nil
	})
	tok, err := client.Do(context.Background(), sts.Request{
		Operation: token.GetFederationToken,
		Name:      "visitor",
		Policy:    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeImages","Resource":"*"}]}`,
		Duration:  time.Hour,
	}, source)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tok.FederatedUser.ARN)
	fmt.Println("account", tok.Credentials.AccountID, "packed", *tok.PackedPolicySize, "percent")

	// A request that breaks a rule of STS is refused before anything is sent.
	_, err = client.Do(context.Background(), sts.Request{Operation: token.GetFederationToken, Name: "a visitor"}, source)
	fmt.Println(err)
	var failure *sts.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Class, failure.Final(), failure.Sent())
	}
	// Output:
	// arn:aws:sts::111122223333:federated-user/visitor
	// account 111122223333 packed 6 percent
	// GetFederationToken: Name "a visitor" may hold only A-Z a-z 0-9 _ + = , . @ -; nothing was sent
	// invalid true false
}
