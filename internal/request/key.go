package request

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// inputName names one input of a key, in the hash and in the record beside the token. A name
// that changes makes every record that has it unreachable.
type inputName string

// The inputs of a key, in the order in which they are hashed.
const (
	inputOperation         inputName = "operation"
	inputPartition         inputName = "partition"
	inputRegion            inputName = "region"
	inputEndpoint          inputName = "endpoint"
	inputFIPS              inputName = "fips"
	inputDualStack         inputName = "dual_stack"
	inputBase              inputName = "base" // the key of Base; where there is none, the access key id or the other five
	inputSourceAccessKeyID inputName = "source_access_key_id"
	inputSourceKind        inputName = "source_kind"
	inputSourceProfile     inputName = "source_profile"
	inputSourceFiles       inputName = "source_files"
	inputSourceDigest      inputName = "source_digest"
	inputSourceSubject     inputName = "source_subject"
	inputSourceLogin       inputName = "source_login_file" // instead of profile, files and subject
	inputSourceObserved    inputName = "source_observed"
	inputSourceAccount     inputName = "source_account"
	inputSourceRole        inputName = "source_role"
	inputDuration          inputName = "duration" // seconds
	inputMFASerial         inputName = "mfa_serial"
	inputFederationName    inputName = "federation_name"
	inputRoleARN           inputName = "role_arn"
	inputRoleSessionName   inputName = "role_session_name"
	inputExternalID        inputName = "external_id"
	inputSourceIdentity    inputName = "source_identity"
	inputPolicy            inputName = "policy"
	inputPolicyARNs        inputName = "policy_arns"
	inputTags              inputName = "tags"
	inputTransitiveTagKeys inputName = "transitive_tag_keys"
	inputWebIdentityFile   inputName = "web_identity_token_file"
	inputWebIdentity       inputName = "web_identity_subject"
	inputWebIdentityCmd    inputName = "web_identity_token_command"
	inputWebIdentityIssuer inputName = "web_identity_issuer"
	inputObserved          inputName = "observed"
	inputSAMLFile          inputName = "saml_assertion_file"
	inputSAMLSubject       inputName = "saml_subject"
	inputSAMLCommand       inputName = "saml_assertion_command"
	inputPrincipalARN      inputName = "principal_arn"
	inputTargetPrincipal   inputName = "target_principal"
	inputTaskPolicyARN     inputName = "task_policy_arn"
	inputDescription       inputName = "scoped_session_description"
	inputAudience          inputName = "audience"
	inputSigningAlgorithm  inputName = "signing_algorithm"
	inputAskedBy           inputName = "asked_by"

	inputGranted inputName = "granted" // alone
)

func present(name inputName, value string) cache.Input { return cache.Present(string(name), value) }

func optional(name inputName, value string) cache.Input { return cache.Optional(string(name), value) }

// KeyOf names the token that r asks for by everything that changes whose the token is or what
// it may do. The name of a profile alone is not among it: it identifies nothing. KeyOf reads
// nothing but r.
func KeyOf(r *Request) cache.Key {
	if r.Granted != "" {
		return GrantedKey(r.Granted)
	}
	if r.OfSource() {
		// A source is one wherever STS is asked about it.
		return cache.NewKey(append([]cache.Input{present(inputOperation, r.Operation)}, r.Source.Inputs()...)...)
	}
	inputs := []cache.Input{
		present(inputOperation, r.Operation),
		present(inputPartition, r.Partition),
		present(inputRegion, r.Region),
		optional(inputEndpoint, r.Endpoint),
		present(inputFIPS, strconv.FormatBool(r.FIPS)),
		present(inputDualStack, strconv.FormatBool(r.DualStack)),
	}
	inputs = append(inputs, sourceInputs(r)...)
	inputs = append(inputs,
		optional(inputDuration, seconds(r.Duration)),
		optional(inputMFASerial, r.SerialNumber),
		optional(inputFederationName, r.FederationName),
		optional(inputRoleARN, r.RoleARN),
		optional(inputRoleSessionName, r.RoleSessionName),
		optional(inputExternalID, r.ExternalID),
		optional(inputSourceIdentity, r.SourceIdentity),
		optional(inputPolicy, r.Policy),
		optional(inputPolicyARNs, set(r.PolicyARNs)),
		optional(inputTags, tagSet(r.Tags)),
		optional(inputTransitiveTagKeys, set(r.TransitiveTagKeys)),
		optional(inputWebIdentityFile, r.WebIdentityTokenFile),
		optional(inputWebIdentity, r.WebIdentitySubject),
		optional(inputSAMLFile, r.SAMLAssertionFile),
		optional(inputSAMLSubject, r.SAMLSubject),
		optional(inputSAMLCommand, r.SAMLAssertionCommand),
		optional(inputPrincipalARN, r.PrincipalARN),
		optional(inputTargetPrincipal, r.TargetPrincipal),
		optional(inputTaskPolicyARN, r.TaskPolicyARN),
	)
	// Inputs that came later are there only where they have a value, so that older keys stay.
	for _, later := range [...]struct {
		name  inputName
		value string
	}{
		{inputWebIdentityCmd, r.WebIdentityTokenCommand},
		{inputWebIdentityIssuer, r.WebIdentityIssuer},
		{inputObserved, r.Observed},
		{inputDescription, r.Description},
		{inputAudience, set(r.Audience)},
		{inputSigningAlgorithm, r.SigningAlgorithm},
		{inputAskedBy, askedBy(r)},
	} {
		if later.value != "" {
			inputs = append(inputs, present(later.name, later.value))
		}
	}
	return cache.NewKey(inputs...)
}

// askedBy is "agent" for an agent, whichever it is, and "" for a user.
func askedBy(r *Request) string {
	if r.Agent == "" {
		return ""
	}
	return "agent"
}

// GrantedKey names the token that was accepted from another user under that name.
func GrantedKey(name string) cache.Key { return cache.NewKey(present(inputGranted, name)) }

// sourceInputs identifies what signs the request: a token of ours by everything it was asked
// with, else the source.
func sourceInputs(r *Request) []cache.Input {
	if r.Base != nil {
		return []cache.Input{present(inputBase, KeyOf(r.Base).String())}
	}
	return r.Source.Inputs()
}

// Inputs identify the source: two with the same inputs are one. A static key is its access key
// id, so that a rotated key is another source; a login is its file, whatever profiles name it;
// what has neither is the kind of source with the profile and the files that define it. They
// hold no secret.
func (s Source) Inputs() []cache.Input {
	if s.AccessKeyID != "" {
		return []cache.Input{present(inputSourceAccessKeyID, s.AccessKeyID)}
	}
	if s.Login != nil {
		return []cache.Input{
			present(inputSourceKind, string(s.Kind)),
			present(inputSourceLogin, s.Login.File),
			optional(inputSourceAccount, s.Login.AccountID),
			optional(inputSourceRole, s.Login.RoleName),
			optional(inputSourceDigest, s.Digest),
		}
	}
	inputs := []cache.Input{
		present(inputSourceKind, string(s.Kind)),
		optional(inputSourceProfile, s.Profile),
		optional(inputSourceFiles, set(s.Files)),
		optional(inputSourceDigest, s.Digest),
		optional(inputSourceSubject, s.Subject),
	}
	if s.Observed != "" { // it came later, and older keys stay
		inputs = append(inputs, present(inputSourceObserved, s.Observed))
	}
	return inputs
}

// SourceAccessKeyID is the static key that a record with these inputs was made with, "" where
// there was none.
func SourceAccessKeyID(inputs []cache.Input) string { return value(inputs, inputSourceAccessKeyID) }

// MFASerial is the MFA device that a record with these inputs was made with, "" for none.
func MFASerial(inputs []cache.Input) string { return value(inputs, inputMFASerial) }

// AskedByAgent reports whether a record with these inputs was made for a coding agent or a CI system.
func AskedByAgent(inputs []cache.Input) bool { return value(inputs, inputAskedBy) != "" }

func value(inputs []cache.Input, name inputName) string {
	for _, in := range inputs {
		if in.Name == string(name) && in.Value != nil {
			return *in.Value
		}
	}
	return ""
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(int64(d/time.Second), 10)
}

// set renders values whose order means nothing.
func set(values []string) string {
	if len(values) == 0 {
		return ""
	}
	b, _ := json.Marshal(slices.Sorted(slices.Values(values))) // strings always marshal
	return string(b)
}

func tagSet(tags []Tag) string {
	pairs := make([]string, len(tags))
	for i, t := range tags {
		b, _ := json.Marshal([2]string{t.Key, t.Value})
		pairs[i] = string(b)
	}
	return set(pairs)
}
