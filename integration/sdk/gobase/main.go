// Command gobase asks STS whose credentials it has, through what Terraform's and OpenTofu's AWS
// provider and S3 backend load theirs with, under the options that the provider sets.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
)

type answer struct {
	ARN     string `json:"arn,omitempty"`
	Account string `json:"account,omitempty"`
	Error   string `json:"error,omitempty"`
}

func whoami(ctx context.Context) (a answer) {
	_, c, diags := awsbase.GetAwsConfig(ctx, &awsbase.Config{
		CallerName: "conformance", CallerDocumentationURL: "https://example.com",
		MaxRetries: 2, StsEndpoint: os.Getenv("AWS_ENDPOINT_URL_STS"),
	})
	for _, d := range diags {
		if d.Severity().String() == "Error" {
			a.Error += d.Summary() + ": " + d.Detail() + "\n"
		}
	}
	if a.Error != "" {
		return a
	}
	id, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{ARN: aws.ToString(id.Arn), Account: aws.ToString(id.Account)}
}

func main() {
	a := whoami(context.Background())
	if json.NewEncoder(os.Stdout).Encode(a) != nil || a.Error != "" {
		os.Exit(1)
	}
}
