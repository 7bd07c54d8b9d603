// Command probe looks at the endpoint from where a client would be: inside a container,
// as another user, in another network.
//
//	probe get URL [TOKEN-FILE [NAME=VALUE]...]
//	                             one request with these headers (TOKEN-FILE "-" is none); prints the status, or
//	                             why there was none
//	probe sdk                    what the AWS SDK finds by itself; prints the access key id
//
// It exits with 0 if it got credentials.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	said, ok := "", false
	if os.Args[1] == "sdk" {
		said, ok = sdk(ctx)
	} else {
		said, ok = get(ctx, os.Args[2:])
	}
	fmt.Println(said)
	if !ok {
		cancel()
		os.Exit(1)
	}
}

func sdk(ctx context.Context) (string, bool) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("eu-west-1"))
	if err != nil {
		return err.Error(), false
	}
	c, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err.Error(), false
	}
	return c.AccessKeyID + " by " + c.Source, true
}

func get(ctx context.Context, args []string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
	if err != nil {
		return err.Error(), false
	}
	for _, header := range args[min(2, len(args)):] {
		name, value, _ := strings.Cut(header, "=")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	if len(args) > 1 && args[1] != "-" {
		token, err := os.ReadFile(args[1])
		if err != nil {
			return err.Error(), false
		}
		req.Header.Set("Authorization", string(token))
	}
	resp, err := http.DefaultClient.Do(req)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", false
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return "reset", false
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, context.DeadlineExceeded):
		return "unreachable", false
	case err != nil:
		return err.Error(), false
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if _, after, ok := strings.Cut(string(body), `"AccessKeyId":"`); ok && resp.StatusCode == http.StatusOK {
		id, _, _ := strings.Cut(after, `"`)
		return id, true
	}
	return fmt.Sprint(resp.StatusCode), false
}
