package handoff_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/token"
)

func exampleToken() token.Token {
	now := time.Now().UTC().Truncate(time.Second)
	return token.Token{
		Operation: token.GetFederationToken, Issued: now,
		Credentials: token.Credentials{
			AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SessionToken: "AQoDYXdzEPT4EXAMPLE",
			CanExpire: true, Expires: now.Add(3 * time.Hour),
		},
	}
}

func Example() {
	// Bob has a key, and tells Alice its public half.
	bob, err := age.GenerateX25519Identity()
	if err != nil {
		fmt.Println(err)
		return
	}
	to, err := handoff.ParseRecipients(bob.Recipient().String())
	if err != nil {
		fmt.Println(err)
		return
	}

	// Alice seals a token for him.
	var mail bytes.Buffer
	if err := handoff.Seal(&mail, handoff.Bundle{Token: exampleToken(), Issuer: "Alice", For: "Bob"}, to...); err != nil {
		fmt.Println(err)
		return
	}

	// Bob opens it; Mallory cannot.
	mallory, err := age.GenerateX25519Identity()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = handoff.Open(bytes.NewReader(mail.Bytes()), mallory)
	fmt.Println(errors.Is(err, handoff.ErrWrongRecipient))
	b, err := handoff.Open(&mail, bob)
	fmt.Println(b.Issuer, b.For, b.Token.Credentials.AccessKeyID, err)
	// Output:
	// true
	// Alice Bob ASIAIOSFODNN7EXAMPLE <nil>
}

func ExampleOpen_truncated() {
	bob, err := age.GenerateX25519Identity()
	if err != nil {
		fmt.Println(err)
		return
	}
	var mail bytes.Buffer
	if err := handoff.Seal(&mail, handoff.Bundle{Token: exampleToken()}, bob.Recipient()); err != nil {
		fmt.Println(err)
		return
	}
	half := mail.String()[:mail.Len()/2]
	_, err = handoff.Open(strings.NewReader(half), bob)
	fmt.Println(err)
	// Output: the sealed token is cut short: ask for all of it, from the BEGIN line to the END line
}
