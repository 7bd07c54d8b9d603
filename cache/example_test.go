package cache_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/token"
)

// Any function that gets a token can be shared by every process that opens the same directory.
func ExampleCache_Get() {
	dir, err := os.MkdirTemp("", "cache-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	c, err := cache.Open(filepath.Join(dir, "tokens")) // made private to this user
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	want := cache.Want{
		// Everything that changes whose the token is belongs into the key.
		Key: cache.NewKey(cache.Present("operation", "GetSessionToken"), cache.Present("source", "AKIAIOSFODNN7EXAMPLE")),
		Fetch: func(context.Context, bool) (token.Token, error) {
			fmt.Println("asking")
			return token.Token{
				Operation: token.GetSessionToken,
				Credentials: token.Credentials{
					AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", SessionToken: "session",
					CanExpire: true, Expires: time.Now().Add(time.Hour),
				},
			}, nil
		},
	}
	for range 3 {
		answer, err := c.Get(context.Background(), want)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(answer.Token.Credentials.AccessKeyID, answer.Origin)
	}
	// Output:
	// asking
	// ASIAIOSFODNN7EXAMPLE fresh
	// ASIAIOSFODNN7EXAMPLE hit
	// ASIAIOSFODNN7EXAMPLE hit
}
