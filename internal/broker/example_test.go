package broker_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// home is a home directory with an access key in profile "base", and an emulated STS. A
// program that means the real AWS uses settings.ProcessEnvironment instead.
func home() (env settings.Environment, sts *emulator.Emulator, remove func(), err error) {
	dir, err := os.MkdirTemp("", "provider-example-")
	if err != nil {
		return env, nil, nil, err
	}
	sts = emulator.New(emulator.World{})
	user := sts.AddUser("111122223333", "alice")
	err = sts.Start()
	remove = func() { sts.Close(); _ = os.RemoveAll(dir) }
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, ".aws"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".aws", "credentials"), fmt.Appendf(nil, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.AccessKeyID, user.SecretAccessKey), 0o600)
	}
	variables := map[string]string{"AWS_ENDPOINT_URL_STS": sts.URL(), "STS_HELPER_CACHE_DIR": filepath.Join(dir, "cache")}
	env = settings.Environment{
		Getenv:   func(name string) string { return variables[name] },
		HomeDir:  func() string { return dir },
		UserName: func() string { return "alice" },
	}
	return env, sts, remove, err
}

// A Go program that shares its token with every process of the machine, those of the command
// among them: the first one asks STS, the others find the token in the cache.
func Example() {
	env, sts, remove, err := home()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()

	for range 3 { // as three processes would
		req, err := settings.Load(settings.Flags{"source-profile": {"base"}, "federation-name": {"visitor"}, "allow": {"ec2:Describe*"}}, env)
		if err != nil {
			fmt.Println(err)
			return
		}
		p, err := broker.New(req, broker.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		client := awssts.New(awssts.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String(sts.URL()), HTTPClient: http.DefaultClient,
			Credentials: aws.NewCredentialsCache(p), // as with any provider of the SDK
		})
		who, err := client.GetCallerIdentity(context.Background(), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(*who.Arn)
	}
	fmt.Println("asked STS for", sts.Count("GetFederationToken"), "token")
	// Output:
	// arn:aws:sts::111122223333:federated-user/visitor
	// arn:aws:sts::111122223333:federated-user/visitor
	// arn:aws:sts::111122223333:federated-user/visitor
	// asked STS for 1 token
}

// Every error has a class, which says whose turn it is.
func ExampleClassOf() {
	env, sts, remove, err := home()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	sts.Fault(emulator.Fault{Kind: emulator.Deny})

	req, err := settings.Load(settings.Flags{"source-profile": {"base"}}, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := broker.New(req, broker.Options{NoHuman: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = p.Retrieve(context.Background())
	switch broker.ClassOf(err) {
	case broker.ClassDenied:
		fmt.Println("STS said no")
	case broker.ClassUnreachable:
		fmt.Println("try again later")
	default:
		fmt.Println(err)
	}
	// Output: STS said no
}
