// Command whoami asks STS whose credentials it has, which it gets and signs with through
// minio-go. With --serve it does so as often as the lines of its standard input say, with one
// client. minio-go speaks to S3 alone, so the request itself is put together here.
package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

type answer struct {
	ARN     string `json:"arn,omitempty"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	Error   string `json:"error,omitempty"`
	MS      int64  `json:"ms"`
}

// source is the chain that programs on minio-go commonly have: variables, the AWS files, else
// whatever the machine offers. Its metadata endpoint is an argument, not a variable.
func source() *credentials.Credentials {
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		return credentials.NewEnvAWS()
	}
	if os.Getenv("AWS_PROFILE") != "" {
		return credentials.New(&credentials.FileAWSCredentials{})
	}
	if os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" {
		return credentials.NewIAM("")
	}
	return credentials.NewIAM(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"))
}

func whoami(c *credentials.Credentials, a *answer) error {
	v, err := c.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil {
		return err
	}
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	req, err := http.NewRequest(http.MethodPost, os.Getenv("AWS_ENDPOINT_URL_STS")+"/", strings.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	req.Header.Set("X-Amz-Security-Token", v.SessionToken)
	req = signer.SignV4STS(*req, v.AccessKeyID, v.SecretAccessKey, cmp.Or(os.Getenv("MINIO_REGION"), os.Getenv("AWS_REGION"), "us-east-1"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, b)
	}
	var out struct {
		Result struct{ Arn, Account string } `xml:"GetCallerIdentityResult"`
	}
	if err := xml.Unmarshal(b, &out); err != nil {
		return err
	}
	a.ARN, a.Account = out.Result.Arn, out.Result.Account
	return nil
}

func sign(c *credentials.Credentials, n int) bool {
	start := time.Now()
	var a answer
	for range n {
		if err := whoami(c, &a); err != nil {
			a = answer{Error: err.Error()}
			break
		}
	}
	a.MS = time.Since(start).Milliseconds()
	return json.NewEncoder(os.Stdout).Encode(a) == nil && a.Error == ""
}

func main() {
	c := source()
	if len(os.Args) < 2 {
		if !sign(c, 1) {
			os.Exit(1)
		}
		return
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n, err := strconv.Atoi(in.Text())
		if err != nil {
			os.Exit(2)
		}
		sign(c, n)
	}
}
