package emulator

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxScopes is how many policies of GetScopedCredentials a session takes.
const maxScopes = 3

// getScopedCredentials makes a session of the caller's session: the same principal, whose permissions every
// policy on the way must allow, and which ends no later. (API reference of November 2026. What permission
// the caller needs it does not say: here it is what all actions need, sts:GetScopedCredentials allowed by
// everything that binds the caller.)
func (e *Emulator) getScopedCredentials(c *call) (*result, *apiError) {
	parent := c.who.session
	switch {
	case isGlobal(c):
		return nil, refuse(400, "InvalidAction", "Could not find operation GetScopedCredentials for version %s", stsVersion)
	case parent == nil:
		return nil, denied("Cannot call GetScopedCredentials with long-term credentials")
	case c.who.isRoot(), parent.task != "":
		return nil, denied("Cannot call GetScopedCredentials with root credentials")
	case e.permission(c.who, "sts:GetScopedCredentials", "*") != allowed:
		return nil, notAuthorized(c.who.arn(), "sts:GetScopedCredentials", "*")
	}
	policy, asked := c.form.Get("Policy"), c.form.Get("DurationSeconds")
	if policy == "" && asked == "" {
		return nil, invalid("Either Policy or DurationSeconds must be specified.")
	}
	s := *parent
	s.origin, s.scopes = parent.issuedBy(), slices.Clone(parent.scopes)
	s.Tags, s.TransitiveTags = parent.Tags, parent.TransitiveTags
	if policy != "" {
		if _, err := parsePolicy(policy); err != nil {
			return nil, refuse(400, "MalformedPolicyDocument", "%s", err.Error())
		}
		if len(s.scopes) >= maxScopes {
			return nil, denied("The session already has the maximum of %d scope-down policies.", maxScopes)
		}
		s.scopes = append(s.scopes, policy)
		s.packed += pack(&session{Identity: Identity{Policy: policy}}, nil)
		if err := tooLarge(s.packed); err != nil {
			return nil, err
		}
	}
	left := parent.Expiration.Sub(c.now)
	life := left
	if asked != "" {
		n, _ := strconv.Atoi(asked) // checked
		if life = time.Duration(n) * time.Second; life > left {
			return nil, refuse(400, "InsufficientSessionLifetime", "The requested DurationSeconds exceeds the remaining lifetime of the calling session.")
		}
	}
	s.ScopedPolicies, s.Description = slices.Clone(s.scopes), c.form.Get("ScopedSessionDescription")
	made := e.issue(c, &s, life)
	if asked == "" {
		made.Expiration = parent.Expiration
	}
	count := len(s.scopes)
	return &result{
		Credentials: made.credentials(), SessionInfo: &xmlScopedSession{ScopedSessionId: s.UserID, Arn: s.ARN},
		ScopedPoliciesCount: &count, SourceIdentity: s.SourceIdentity,
	}, nil
}

// isGlobal reports whether a request came for the endpoint that serves no region.
func isGlobal(c *call) bool {
	host, _, _ := strings.Cut(c.http.Host, ":")
	return c.region == "aws-global" || strings.EqualFold(strings.TrimSuffix(host, "."), "sts.amazonaws.com")
}

// tooLarge refuses a session whose token would be longer than the maximum; packed is its size in percent.
func tooLarge(packed int) *apiError {
	if packed <= 100 {
		return nil
	}
	return refuse(400, "PackedPolicyTooLarge", "The session token size of %d bytes exceeds the maximum allowed size of %d bytes.", packed*maxTokenSize/100, maxTokenSize)
}

// SetMinimumTokenSize makes every session token from now on at least that long, in bytes, as
// MinimumSessionTokenSize of a request does.
func (e *Emulator) SetMinimumTokenSize(bytes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.minimumToken = bytes
}

// getWebIdentityToken issues a JWT that says who the caller is, for a service outside of AWS.
func (e *Emulator) getWebIdentityToken(c *call) (*result, *apiError) {
	w := c.who
	account := e.accounts[w.account()]
	members, err := listMembers(c.form, "Audience")
	if err != nil {
		return nil, err
	}
	switch {
	case isGlobal(c):
		return nil, refuse(400, "InvalidAction", "Could not find operation GetWebIdentityToken for version %s", stsVersion)
	case len(members) == 0:
		return nil, invalid("1 validation error detected: Value '[]' at 'audience' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case account == nil || !account.OutboundFederation:
		return nil, refuse(403, "OutboundWebIdentityFederationDisabledException", "Outbound web identity federation is not enabled for this account.")
	case w.issuedBy() == "GetSessionToken", w.issuedBy() == "GetFederationToken":
		return nil, denied("Cannot call GetWebIdentityToken with session credentials")
	case e.permission(w, "sts:GetWebIdentityToken", "*") != allowed:
		return nil, notAuthorized(w.arn(), "sts:GetWebIdentityToken", "*")
	}
	alg := c.form.Get("SigningAlgorithm")
	if alg != "RS256" && alg != "ES384" {
		return nil, invalid("SigningAlgorithm must be RS256 or ES384")
	}
	life := duration(c, 300)
	if s := w.session; s != nil && c.now.Add(life).After(s.Expiration) {
		return nil, refuse(403, "SessionDurationEscalationException", "The requested token duration would extend the session beyond its original expiration time.")
	}
	tags, _, err := e.sessionTags(c)
	if err != nil {
		return nil, err
	}
	var audience []string
	for _, m := range members {
		audience = append(audience, m[""])
	}
	var aud any = audience
	if len(audience) == 1 {
		aud = audience[0]
	}
	subject := w.arn()
	if w.session != nil && w.session.role != nil {
		subject = w.session.role.ARN
	}
	own := map[string]any{"aws_account": w.account(), "principal_id": subject}
	if len(tags) > 0 {
		claims := map[string]string{}
		for _, t := range tags {
			claims[t.key] = t.value
		}
		own["request_tags"] = claims
	}
	end := c.now.Add(life).Truncate(time.Second)
	jwt := signJWT(`{"alg":"`+alg+`","kid":"emulator","typ":"JWT"}`, jsonText(map[string]any{
		"iss": "https://" + canary + ".tokens.sts.global.api.aws", "sub": subject, "aud": aud,
		"iat": c.now.Unix(), "exp": end.Unix(), "jti": newRequestID(), "https://sts.amazonaws.com/": own}))
	return &result{WebIdentityToken: jwt, Expiration: formatTime(end)}, nil
}
