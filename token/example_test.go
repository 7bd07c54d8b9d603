package token_test

import (
	"fmt"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// A token knows whether it can be used and whose it is, and never shows its secrets.
func Example() {
	t := token.Token{
		Operation: token.GetFederationToken,
		Credentials: token.Credentials{
			AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
			CanExpire: true, Expires: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), AccountID: "111122223333",
		},
		FederatedUser: &token.Principal{ID: "111122223333:visitor", ARN: "arn:aws:sts::111122223333:federated-user/visitor"},
	}
	fmt.Println(t.Validate())
	fmt.Println(t.Principal().ARN)
	fmt.Println(t.Remaining(time.Date(2030, 1, 2, 2, 4, 5, 0, time.UTC)))
	fmt.Printf("%+v\n", t)
	// Output:
	// <nil>
	// arn:aws:sts::111122223333:federated-user/visitor
	// 1h0m0s
	// GetFederationToken ASIAIOSFODNN7EXAMPLE arn:aws:sts::111122223333:federated-user/visitor until 2030-01-02T03:04:05Z
}
