package imds_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sts-helper/sts-helper/imds"
)

// Any credentials provider can be served, in a few lines.
func Example() {
	provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", SessionToken: "session",
			CanExpire: true, Expires: time.Now().Add(time.Hour),
		}, nil
	})
	token := imds.NewBearerToken()
	server, err := imds.New(imds.Config{
		Profiles:    []imds.Profile{{Name: "dev", Provider: provider}},
		BearerToken: token,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ln, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, ln) }()

	// What an SDK does with AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
	req, _ := http.NewRequest("GET", "http://"+ln.Addr().String()+"/credentials/dev", nil)
	req.Header.Set("Authorization", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct{ AccessKeyId string }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		log.Fatal(err)
	}
	stop()
	fmt.Println(resp.Status, got.AccessKeyId, <-ended)
	// Output: 200 OK ASIAIOSFODNN7EXAMPLE <nil>
}
