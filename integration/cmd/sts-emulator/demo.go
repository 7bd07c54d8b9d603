package main

import "github.com/sts-helper/sts-helper/integration/emulator"

// demoWorld has one of everything: a user without and one with an MFA device, a root
// user, roles with each kind of trust, a second account, identity providers.
func demoWorld() emulator.World {
	const (
		main  = "111122223333"
		other = "444455556666"
	)
	all := emulator.AllowAll
	return emulator.World{
		Accounts: []emulator.Account{{ID: main, Management: true}, {ID: other}},
		Users: []emulator.User{
			{Account: main, Name: "alice", Policy: all},
			{Account: main, Name: "bob", Policy: all, MFADevices: []emulator.MFADevice{{Name: "bob"}}},
			{Account: main, Name: "reader", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}`},
			{Account: main, Root: true},
		},
		Roles: []emulator.Role{
			{Account: main, Name: "admin", Policy: all, Trusted: []string{main}, MaxSessionDuration: 43200},
			{Account: main, Name: "admin-with-mfa", Policy: all, Trusted: []string{main}, RequireMFA: true},
			{Account: other, Name: "partner", Policy: all, Trusted: []string{main}, ExternalID: "partner-42"},
			{Account: main, Name: "web", Policy: all, Trusted: []string{"arn:aws:iam::" + main + ":oidc-provider/idp.example.com"}},
			{Account: main, Name: "saml", Policy: all, Trusted: []string{"arn:aws:iam::" + main + ":saml-provider/example"}},
		},
		OIDCProviders: []emulator.OIDCProvider{{Account: main, URL: "https://idp.example.com", ClientIDs: []string{"sts.amazonaws.com"}}},
		SAMLProviders: []emulator.SAMLProvider{{Account: main, Name: "example"}},
	}
}
