// Command gov1 asks STS, through version 1 of the AWS SDK for Go and its default chain, whose
// credentials it has. Programs that still have this SDK in them (rclone up to 1.67, s5cmd, older
// Terraform providers) get theirs in the same way.
package main

import (
	"encoding/json"
	"os"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sts"
)

type answer struct {
	ARN     string `json:"arn,omitempty"`
	Account string `json:"account,omitempty"`
	Error   string `json:"error,omitempty"`
}

func whoami() (a answer) {
	// It knows no AWS_ENDPOINT_URL, and reads ~/.aws/config where it is told to only.
	s, err := session.NewSessionWithOptions(session.Options{
		SharedConfigState: session.SharedConfigEnable,
		Config:            aws.Config{Endpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_STS"))},
	})
	if err == nil {
		var id *sts.GetCallerIdentityOutput
		if id, err = sts.New(s).GetCallerIdentity(nil); err == nil {
			return answer{ARN: aws.StringValue(id.Arn), Account: aws.StringValue(id.Account)}
		}
	}
	return answer{Error: err.Error()}
}

func main() {
	a := whoami()
	if json.NewEncoder(os.Stdout).Encode(a) != nil || a.Error != "" {
		os.Exit(1)
	}
}
