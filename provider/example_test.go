package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/provider"
)

// world makes a home directory with an access key in profile "base", and an emulated STS. A
// program that means the real AWS needs none of it.
func world() (getenv func(string) string, sts *emulator.Emulator, remove func(), err error) {
	dir, err := os.MkdirTemp("", "provider-example-")
	if err != nil {
		return nil, nil, nil, err
	}
	sts = emulator.New(emulator.World{})
	user := sts.AddUser("111122223333", "alice")
	err = sts.Start()
	remove = func() { sts.Close(); _ = os.RemoveAll(dir) }
	keys := filepath.Join(dir, "credentials")
	if err == nil {
		err = os.WriteFile(keys, fmt.Appendf(nil, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.AccessKeyID, user.SecretAccessKey), 0o600)
	}
	variables := map[string]string{
		"AWS_SHARED_CREDENTIALS_FILE": keys, "AWS_CONFIG_FILE": os.DevNull,
		"AWS_ENDPOINT_URL_STS": sts.URL(), "STS_HELPER_CACHE_DIR": filepath.Join(dir, "cache"),
	}
	return func(name string) string { return variables[name] }, sts, remove, err
}

// A Go program that shares its token with every process of the machine, those of the command
// among them: the first one asks STS, the others find the token in the cache.
func Example() {
	getenv, sts, remove, err := world()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()

	for range 3 { // as three processes would
		p, err := provider.New(provider.Config{
			Profile:  "base",
			Settings: map[string][]string{"federation-name": {"visitor"}, "allow": {"ec2:Describe*", "s3:ListBucket"}},
			Getenv:   getenv,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		// Usually config.WithCredentialsProvider(p) calls it.
		credentials, err := p.Retrieve(context.Background())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(credentials.AccountID, credentials.CanExpire)
	}
	fmt.Println("asked STS for", sts.Count("GetFederationToken"), "token")
	// Output:
	// 111122223333 true
	// 111122223333 true
	// 111122223333 true
	// asked STS for 1 token
}

// Every error has a class, which says whose turn it is.
func ExampleClassOf() {
	getenv, sts, remove, err := world()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	sts.Fault(emulator.Fault{Kind: emulator.Deny})

	p, err := provider.New(provider.Config{Profile: "base", Getenv: getenv, NonInteractive: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = p.Retrieve(context.Background())
	switch provider.ClassOf(err) {
	case provider.Denied:
		fmt.Println("STS refused")
	case provider.Unreachable:
		fmt.Println("try again later")
	case provider.InteractionRequired:
		fmt.Println("log in first")
	default:
		fmt.Println(err)
	}
	// Output: STS refused
}
