// Command whoami asks STS, through the AWS SDK and nothing else, whose credentials it has
// been given. It knows nothing of sts-helper: the profile does.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err == nil {
		var id *sts.GetCallerIdentityOutput
		if id, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); err == nil {
			fmt.Println(*id.Arn)
			return
		}
	}
	fmt.Fprintln(os.Stderr, "whoami:", err)
	cancel()
	os.Exit(1)
}
