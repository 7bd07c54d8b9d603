package request

import (
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// Scoped reports whether r is for credentials that GetScopedCredentials narrows.
func (r *Request) Scoped() bool { return r.Operation == string(token.GetScopedCredentials) }

// Narrow is a request for what r gives, narrowed: by a policy, compacted JSON, "" for none, and to a life,
// 0 for that of what it is made from.
func Narrow(r *Request, policy string, life time.Duration) *Request {
	return &Request{
		Name: r.Name, Operation: string(token.GetScopedCredentials), Base: r, Policy: policy, Duration: life, CallOptions: r.CallOptions,
		Region: r.Region, Partition: r.Partition, Endpoint: r.Endpoint, FIPS: r.FIPS, DualStack: r.DualStack, CABundle: r.CABundle,
	}
}

// WebIdentity is a request for a web identity token that says who has the credentials of r, and lives for life. What
// signs a user's session signs it, since such a session cannot ask for one; where a policy narrows that session,
// nothing can, nor can a federation token or an accepted token: then ok is false. For an agent it lives no longer
// than r does.
func WebIdentity(r *Request, life time.Duration) (jwt *Request, ok bool) {
	jwt = &Request{
		Name: r.Name, Operation: string(token.GetWebIdentityToken), Base: r, CallOptions: r.CallOptions,
		Region: r.Region, Partition: r.Partition, Endpoint: r.Endpoint, FIPS: r.FIPS, DualStack: r.DualStack, CABundle: r.CABundle,
		Agent: r.Agent, Duration: life,
	}
	if r.Agent != "" && r.Duration != 0 {
		jwt.Duration = min(life, r.Duration)
	}
	policy := ""
	for r.Scoped() && r.Base != nil {
		policy += r.Policy
		r = r.Base
	}
	switch token.Operation(r.Operation) {
	case token.GetSessionToken:
		if policy != "" {
			return nil, false
		}
		jwt.Base, jwt.Source, jwt.ObservedFiles = r.Base, r.Source, r.ObservedFiles
	case token.GetFederationToken, token.AssumeRoot:
		return nil, false
	}
	return jwt, r.Granted == ""
}

// ScopedPolicies is how many policies of GetScopedCredentials r puts on a session, those of what it is
// made from included.
func (r *Request) ScopedPolicies() (n int) {
	for ; r != nil; r = r.Base {
		if r.Scoped() && r.Policy != "" {
			n++
		}
	}
	return n
}

// Policies are the requests of the chain that r ends which have session policies, the first one that
// narrows first.
func (r *Request) Policies() []*Request {
	var all []*Request
	for ; r != nil; r = r.Base {
		if r.Policy != "" || len(r.PolicyARNs) > 0 {
			all = append([]*Request{r}, all...)
		}
	}
	return all
}
