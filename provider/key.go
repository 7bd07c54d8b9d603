package provider

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/profile"
)

// KeyOf names the token that r asks for by everything that changes whose the token is or
// what it may do. The name of a profile alone is not among it: it identifies nothing.
func KeyOf(r *profile.Request) cache.Key {
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
		cache.Optional("web_identity_subject", webIdentitySubject(r.WebIdentityTokenFile)),
		cache.Optional("saml_assertion_file", r.SAMLAssertionFile),
		cache.Optional("saml_assertion_command", r.SAMLAssertionCommand),
		cache.Optional("principal_arn", r.PrincipalARN),
		cache.Optional("target_principal", r.TargetPrincipal),
		cache.Optional("task_policy_arn", r.TaskPolicyARN),
	)
	return cache.NewKey(inputs...)
}

// GrantedKey names the token that was accepted under that name from somebody else.
func GrantedKey(name string) cache.Key {
	return cache.NewKey(cache.Present("granted", name))
}

// sourceInputs identifies the credentials that sign the request. A static key is its access
// key id, so that a rotated key is another source; what has none is the kind of source with
// the profile and the files that define it; a token of ours is everything it was asked with.
func sourceInputs(r *profile.Request) []cache.Input {
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

func tagList(tags []profile.Tag) string {
	pairs := make([]string, len(tags))
	for i, t := range tags {
		b, _ := json.Marshal([2]string{t.Key, t.Value})
		pairs[i] = string(b)
	}
	return list(pairs)
}

// maxIdentityToken is what STS takes as a web identity token, in bytes.
const maxIdentityToken = 20_000

// webIdentitySubject is whom the token in the file is about, so that another person's token
// under the same name is another source. It is "" for what is no JSON Web Token (RFC 7519),
// or not there: the call to STS will say what is wrong.
func webIdentitySubject(file string) string {
	if file == "" {
		return ""
	}
	data, err := readSmall(file, maxIdentityToken)
	if err != nil {
		return ""
	}
	parts := strings.Split(strings.TrimSpace(string(data)), ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Subject == "" {
		return ""
	}
	return list([]string{"iss " + claims.Issuer, "sub " + claims.Subject})
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, err
}
