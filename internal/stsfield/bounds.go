// Package stsfield knows what STS takes in the fields of its operations: lengths, characters, durations and counts,
// in one table.
package stsfield

import (
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// Kind says what the Min and Max of a [Bound] count.
type Kind uint8

const (
	Characters Kind = iota // Unicode code points
	Seconds                // of a duration
	Items                  // of a list
)

// Bound is what STS accepts in one field of one operation.
type Bound struct {
	Operation token.Operation
	// Field is the field as the API names it; "Tags[].Key" is a field of each item of a list.
	Field string
	Kind  Kind
	// Min and Max are inclusive. Max 0 means that the API states none. An absent field
	// (empty, or zero) is not held against Min; Required is.
	Min, Max int
	Charset  Charset
	Required bool
	// Secret fields are never quoted in an error.
	Secret bool
	// Shaped fields must, besides, have the form of what they name (an ARN of a role, say),
	// so that not every text within the bounds is accepted.
	Shaped bool
}

// All are the limits of every field, one for each.
func All() []Bound { return append([]Bound(nil), bounds[:]...) }

// Limits that are the same in every operation, in characters or items.
const (
	MaxPolicy      = 2048 // a session policy (but AssumeRole's, whose maximum is stated for its packed form)
	MinARN, MaxARN = 20, 2048
	MaxSessionName = 64
	// FederatedUserId, AssumedRoleId and ScopedSessionId.
	MinPrincipalID, MaxPrincipalID = 2, 193
	MaxPolicyARNs                  = 10  // items
	MaxDescription                 = 256 // of a scoped session
	// MaxScopedPolicies is how many policies of GetScopedCredentials a session takes.
	MaxScopedPolicies = 3
)

const (
	gst  = token.GetSessionToken
	gft  = token.GetFederationToken
	role = token.AssumeRole
	web  = token.AssumeRoleWithWebIdentity
	saml = token.AssumeRoleWithSAML
	root = token.AssumeRoot
	cred = token.GetScopedCredentials
	jwt  = token.GetWebIdentityToken
)

// bounds holds lengths and patterns of the API's model, and durations and counts of its reference
// (the model has no maximum for PolicyArns, nor for the Policy of AssumeRole). An array of constants:
// the linker lays it out, nothing runs at start-up.
var bounds = [...]Bound{
	{Operation: gst, Field: "DurationSeconds", Kind: Seconds, Min: 900, Max: 129600},
	{Operation: gst, Field: "SerialNumber", Min: 9, Max: 256, Charset: SerialChars},
	{Operation: gst, Field: "TokenCode", Min: 6, Max: 6, Charset: Digits, Secret: true},

	{Operation: gft, Field: "Name", Min: 2, Max: 32, Charset: NameChars, Required: true},
	{Operation: gft, Field: "Policy", Min: 1, Max: MaxPolicy, Charset: PolicyChars},
	{Operation: gft, Field: "PolicyArns", Kind: Items, Max: MaxPolicyARNs},
	{Operation: gft, Field: "PolicyArns[]", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: gft, Field: "Tags", Kind: Items, Max: 50},
	{Operation: gft, Field: "Tags[].Key", Min: 1, Max: 128, Charset: TagChars, Required: true},
	{Operation: gft, Field: "Tags[].Value", Max: 256, Charset: TagChars},
	{Operation: gft, Field: "DurationSeconds", Kind: Seconds, Min: 900, Max: 129600},

	{Operation: role, Field: "RoleArn", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: role, Field: "RoleSessionName", Min: 2, Max: MaxSessionName, Charset: NameChars, Required: true},
	{Operation: role, Field: "DurationSeconds", Kind: Seconds, Min: 900, Max: 43200},
	{Operation: role, Field: "ExternalId", Min: 2, Max: 1224, Charset: ExternalIDChars},
	{Operation: role, Field: "Policy", Min: 1, Charset: PolicyChars},
	{Operation: role, Field: "PolicyArns", Kind: Items, Max: MaxPolicyARNs},
	{Operation: role, Field: "PolicyArns[]", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: role, Field: "Tags", Kind: Items, Max: 50},
	{Operation: role, Field: "Tags[].Key", Min: 1, Max: 128, Charset: TagChars, Required: true},
	{Operation: role, Field: "Tags[].Value", Max: 256, Charset: TagChars},
	{Operation: role, Field: "TransitiveTagKeys", Kind: Items, Max: 50},
	{Operation: role, Field: "TransitiveTagKeys[]", Min: 1, Max: 128, Charset: TagChars, Required: true},
	{Operation: role, Field: "SourceIdentity", Min: 2, Max: 64, Charset: NameChars},
	{Operation: role, Field: "SerialNumber", Min: 9, Max: 256, Charset: SerialChars},
	{Operation: role, Field: "TokenCode", Min: 6, Max: 6, Charset: Digits, Secret: true},
	{Operation: role, Field: "ProvidedContexts", Kind: Items, Max: 5},
	{Operation: role, Field: "ProvidedContexts[].ProviderArn", Min: 20, Max: 2048, Charset: Text, Required: true},
	{Operation: role, Field: "ProvidedContexts[].ContextAssertion", Min: 4, Max: 2048, Charset: Graphic, Required: true, Secret: true},

	{Operation: web, Field: "RoleArn", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: web, Field: "RoleSessionName", Min: 2, Max: MaxSessionName, Charset: NameChars, Required: true},
	{Operation: web, Field: "WebIdentityToken", Min: 4, Max: 20000, Charset: Graphic, Required: true, Secret: true},
	{Operation: web, Field: "ProviderId", Min: 4, Max: 2048, Charset: Graphic},
	{Operation: web, Field: "DurationSeconds", Kind: Seconds, Min: 900, Max: 43200},
	{Operation: web, Field: "Policy", Min: 1, Max: MaxPolicy, Charset: PolicyChars},
	{Operation: web, Field: "PolicyArns", Kind: Items, Max: MaxPolicyARNs},
	{Operation: web, Field: "PolicyArns[]", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},

	{Operation: saml, Field: "RoleArn", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: saml, Field: "PrincipalArn", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: saml, Field: "SAMLAssertion", Min: 4, Max: 100000, Charset: Base64, Required: true, Secret: true},
	{Operation: saml, Field: "DurationSeconds", Kind: Seconds, Min: 900, Max: 43200},
	{Operation: saml, Field: "Policy", Min: 1, Max: MaxPolicy, Charset: PolicyChars},
	{Operation: saml, Field: "PolicyArns", Kind: Items, Max: MaxPolicyARNs},
	{Operation: saml, Field: "PolicyArns[]", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},

	{Operation: root, Field: "TargetPrincipal", Min: 12, Max: 2048, Charset: Text, Required: true, Shaped: true},
	{Operation: root, Field: "TaskPolicyArn", Min: MinARN, Max: MaxARN, Charset: Text, Required: true, Shaped: true},
	{Operation: root, Field: "DurationSeconds", Kind: Seconds, Min: 0, Max: 900},

	{Operation: cred, Field: "Policy", Min: 1, Max: MaxPolicy, Charset: PolicyChars},
	{Operation: cred, Field: "DurationSeconds", Kind: Seconds, Min: 1, Max: 129600},
	{Operation: cred, Field: "ScopedSessionDescription", Min: 2, Max: MaxDescription, Charset: DescriptionChars},

	{Operation: jwt, Field: "Audience", Kind: Items, Min: 1, Max: 10, Required: true},
	{Operation: jwt, Field: "Audience[]", Min: 1, Max: 1000, Charset: Text, Required: true},
	{Operation: jwt, Field: "SigningAlgorithm", Min: 5, Max: 5, Required: true, Shaped: true},
	{Operation: jwt, Field: "DurationSeconds", Kind: Seconds, Min: 60, Max: 3600},
	{Operation: jwt, Field: "Tags", Kind: Items, Max: 50},
	{Operation: jwt, Field: "Tags[].Key", Min: 1, Max: 128, Charset: TagChars, Required: true},
	{Operation: jwt, Field: "Tags[].Value", Max: 256, Charset: TagChars},
}

// Find gives the limits of a field of an operation, nil for a field that the operation does not take.
func Find(op token.Operation, field string) *Bound {
	for i := range bounds {
		if bounds[i].Field == field && bounds[i].Operation == op {
			return &bounds[i]
		}
	}
	return nil
}

// Durations are the least and the longest life of credentials that op can be asked for.
func Durations(op token.Operation) (least, longest time.Duration) {
	b := Find(op, "DurationSeconds")
	return time.Duration(b.Min) * time.Second, time.Duration(b.Max) * time.Second
}

// DefaultDuration is how long the credentials of op live where the request does not say: STS's own
// default. (For the root user GetSessionToken and GetFederationToken give one hour at most.) It is 0 for
// GetScopedCredentials, whose credentials live as long as those that they are made from.
func DefaultDuration(op token.Operation) time.Duration {
	switch op {
	case token.GetSessionToken, token.GetFederationToken:
		return 12 * time.Hour
	case token.AssumeRoot:
		return 15 * time.Minute
	case token.GetWebIdentityToken:
		return 5 * time.Minute
	case token.GetScopedCredentials:
		return 0
	}
	return time.Hour
}
