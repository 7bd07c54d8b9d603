// Command zones asks EC2 for the availability zones or the images it may see, with whatever
// credentials the AWS SDK finds. It knows nothing of sts-helper: the profile does.
//
// It signs two read-only calls of EC2's query API itself, so that no one needs the SDK's
// package for all of EC2. EC2 is at AWS_ENDPOINT_URL_EC2.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	action := "DescribeAvailabilityZones"
	if len(os.Args) > 1 {
		action = os.Args[1]
	}
	names, err := ask(ctx, action)
	if err != nil {
		fmt.Fprintln(os.Stderr, "zones:", err)
		cancel()
		os.Exit(1)
	}
	fmt.Println(strings.Join(names, " "))
}

// answer is what is read of either answer, and of an error.
type answer struct {
	Zones  []string                         `xml:"availabilityZoneInfo>item>zoneName"`
	Images []string                         `xml:"imagesSet>item>imageId"`
	Errors []struct{ Code, Message string } `xml:"Errors>Error"`
}

func ask(ctx context.Context, action string) ([]string, error) {
	endpoint := os.Getenv("AWS_ENDPOINT_URL_EC2")
	if endpoint == "" {
		return nil, errors.New("AWS_ENDPOINT_URL_EC2 is not set")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	creds, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	body := url.Values{"Action": {action}, "Version": {"2016-11-15"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "ec2", cfg.Region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var a answer
	if err := xml.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("%s: %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		for _, e := range a.Errors {
			return nil, fmt.Errorf("%s: %s", e.Code, e.Message)
		}
		return nil, errors.New(resp.Status)
	}
	return append(a.Zones, a.Images...), nil
}
