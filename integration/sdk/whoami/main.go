// Command whoami asks STS, through the AWS SDK for Go and its default chain, whose credentials
// it has. With --serve it does so as often as the lines of its standard input say, with one
// client.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type answer struct {
	ARN     string `json:"arn,omitempty"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	Error   string `json:"error,omitempty"`
	MS      int64  `json:"ms"`
}

var client *sts.Client

func sign(n int) bool {
	start := time.Now()
	var a answer
	err := func() error {
		ctx := context.Background()
		if client == nil {
			// Without this option the SDK never asks the metadata endpoint for a region.
			cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion())
			if err != nil {
				return err
			}
			client = sts.NewFromConfig(cfg)
		}
		a.Region = client.Options().Region
		for range n {
			id, err := client.GetCallerIdentity(ctx, nil)
			if err != nil {
				return err
			}
			a.ARN, a.Account = aws.ToString(id.Arn), aws.ToString(id.Account)
		}
		return nil
	}()
	if err != nil {
		a.Error = err.Error()
	}
	a.MS = time.Since(start).Milliseconds()
	return json.NewEncoder(os.Stdout).Encode(a) == nil && err == nil
}

func main() {
	if len(os.Args) < 2 {
		if !sign(1) {
			os.Exit(1)
		}
		return
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n, err := strconv.Atoi(in.Text())
		if err != nil {
			os.Exit(2)
		}
		sign(n)
	}
}
