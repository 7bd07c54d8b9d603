package broker

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/request"
)

// KeyOf names the token that r asks for by everything that changes whose the token is or
// what it may do. The name of a profile alone is not among it: it identifies nothing.
func KeyOf(r *request.Request) cache.Key {
	if r.Granted != "" {
		return GrantedKey(r.Granted)
	}
	inputs := []cache.Input{
		cache.Present("operation", r.Operation),
		cache.Present("partition", r.Partition),
		cache.Present("region", r.Region),
		cache.Optional("endpoint", r.Endpoint),
		cache.Present("fips", strconv.FormatBool(r.FIPS)),
		cache.Present("dual_stack", strconv.FormatBool(r.DualStack)),
	}
	inputs = append(inputs, sourceInputs(r)...)
	inputs = append(inputs,
		cache.Optional("duration", seconds(r.Duration)),
		cache.Optional("mfa_serial", r.SerialNumber),
		cache.Optional("federation_name", r.FederationName),
		cache.Optional("role_arn", r.RoleARN),
		cache.Optional("role_session_name", r.RoleSessionName),
		cache.Optional("external_id", r.ExternalID),
		cache.Optional("source_identity", r.SourceIdentity),
		cache.Optional("policy", r.Policy),
		cache.Optional("policy_arns", list(r.PolicyARNs)),
		cache.Optional("tags", tagList(r.Tags)),
		cache.Optional("transitive_tag_keys", list(r.TransitiveTagKeys)),
		cache.Optional("web_identity_token_file", r.WebIdentityTokenFile),
		cache.Optional(webIdentityInput, webIdentityFile(r.WebIdentityTokenFile)),
		cache.Optional("saml_assertion_file", r.SAMLAssertionFile),
		cache.Optional(samlInput, assertionFile(r.SAMLAssertionFile)),
		cache.Optional("saml_assertion_command", r.SAMLAssertionCommand),
		cache.Optional("principal_arn", r.PrincipalARN),
		cache.Optional("target_principal", r.TargetPrincipal),
		cache.Optional("task_policy_arn", r.TaskPolicyARN),
	)
	return cache.NewKey(inputs...)
}

// The inputs that say whom a document speaks for.
const (
	webIdentityInput = "web_identity_subject"
	samlInput        = "saml_subject"
)

// GrantedKey names the token that was accepted under that name from somebody else.
func GrantedKey(name string) cache.Key {
	return cache.NewKey(cache.Present("granted", name))
}

// sourceInputs identifies the credentials that sign the request. A static key is its access
// key id, so that a rotated key is another source; what has none is the kind of source with
// the profile and the files that define it; a token of ours is everything it was asked with.
func sourceInputs(r *request.Request) []cache.Input {
	if r.Base != nil {
		return []cache.Input{cache.Present("base", KeyOf(r.Base).String())}
	}
	s := r.Source
	if s.AccessKeyID != "" {
		return []cache.Input{cache.Present("source_access_key_id", s.AccessKeyID)}
	}
	return []cache.Input{
		cache.Present("source_kind", string(s.Kind)),
		cache.Optional("source_profile", s.Profile),
		cache.Optional("source_files", list(s.Files)),
		cache.Optional("source_digest", s.Digest),
		cache.Optional("source_subject", containerSubject(s)),
	}
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(int64(d/time.Second), 10)
}

// list renders a set whose order means nothing.
func list(values []string) string {
	if len(values) == 0 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(values))
	b, _ := json.Marshal(sorted) // strings always marshal
	return string(b)
}

func tagList(tags []request.Tag) string {
	pairs := make([]string, len(tags))
	for i, t := range tags {
		b, _ := json.Marshal([2]string{t.Key, t.Value})
		pairs[i] = string(b)
	}
	return list(pairs)
}
