package imds

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// Where the agent of EKS Pod Identity answers, and SDKs take http for: AWS_CONTAINER_CREDENTIALS_FULL_URI is
// http://169.254.170.23/v1/credentials or http://[fd00:ec2::23]/v1/credentials
// (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
const (
	PodAddress  = "169.254.170.23"
	PodAddress6 = "fd00:ec2::23"
)

// podPath is the one path of that agent (aws/eks-pod-identity-agent: pkg/handlers/eks_credential_handler.go).
const podPath = "/v1/credentials"

var podAddrs = []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 170, 23}), netip.AddrFrom16([16]byte{0xfd, 0, 0x0e, 0xc2, 14: 0, 15: 0x23})}

// Pods makes a [Server] the agent of a Kubernetes node: pods get credentials at /v1/credentials, by the contract of
// EKS Pod Identity, and nothing else is served. Listeners may then be on [PodAddress] and [PodAddress6], with
// connections from other addresses, which are those of pods. The kernel does not know whose those are, so only the token
// in the Authorization header decides.
type Pods struct {
	// Authorize finds out who sent an Authorization header from an address, and what they get. It is called for each
	// request, from many goroutines at once, and the client waits, so it should end within a second.
	// Required.
	Authorize func(ctx context.Context, authorization string, from netip.Addr) (Pod, *Refusal)
	// Ready reports whether Authorize can find out anything; health checks are told. Optional.
	Ready func() bool
}

// Pod is who asks, and the profile it gets.
type Pod struct {
	Namespace, ServiceAccount, Name string
	// Profile names one of [Config.Profiles].
	Profile string
}

// String is the pod as logs have it, NAMESPACE/SERVICEACCOUNT/POD.
func (p *Pod) String() string { return p.Namespace + "/" + p.ServiceAccount + "/" + p.Name }

// Refusal is why a pod gets nothing.
type Refusal struct {
	Status        int    // of HTTP: 4xx, or 429 and 5xx for what clients are to try again
	Code, Message string // for the client; one line of ASCII without secrets
	// RetryIn is when the client is to come back. Optional.
	RetryIn time.Duration
	// Detail is what the server's log is told besides. Optional.
	Detail string
}

// podAddress reports whether pods may be answered at an address.
func (s *servingState) podAddress(a netip.Addr) bool {
	return s.cfg.Pods != nil && slices.Contains(podAddrs, a)
}

// podOutcome is what the access log has of a request besides.
type podOutcome struct {
	pod    *Pod
	reason string
}

// podRoute is route of a node's agent.
func (s *servingState) podRoute(w http.ResponseWriter, r *http.Request, p *peer, path string, now time.Time) (status int, route, profile string, out podOutcome) {
	switch {
	case path == "/healthz" && (p.remote.Addr() == p.local.Addr() || s.local(p.remote.Addr())): // a probe of the agent's own, no pod
		return s.health(w, r, now), "health", "", out
	case path != podPath:
		return failJSON(w, http.StatusNotFound, "ResourceNotFoundException", "only "+podPath+" is served here"), "other", "", out
	case r.Method != http.MethodGet:
		w.Header()["Allow"] = []string{"GET"}
		return failJSON(w, http.StatusMethodNotAllowed, "InvalidRequestException", "only GET is possible here"), "container", "", out
	}
	sent := r.Header["Authorization"]
	if len(sent) != 1 || sent[0] == "" {
		return failJSON(w, http.StatusBadRequest, "InvalidRequestException", "Service account token cannot be empty"), "container", "", out
	}
	pod, no := s.cfg.Pods.Authorize(r.Context(), sent[0], p.remote.Addr())
	if no != nil {
		out.reason = no.Message
		if no.Detail != "" {
			out.reason += ": " + no.Detail
		}
		if no.RetryIn > 0 {
			waitBefore(w, no.RetryIn)
		}
		if pod.Namespace != "" {
			out.pod = &pod
		}
		return failJSON(w, no.Status, no.Code, no.Message), "container", "", out
	}
	out.pod = &pod
	rf := s.pods[pod.Profile]
	if rf == nil { // the settings are being read anew
		waitBefore(w, retryMin)
		return failJSON(w, http.StatusServiceUnavailable, "ServiceUnavailableException", "the profile for this service account is not served yet"), "container", "", out
	}
	status, profile = s.credentials(w, r, p, rf, out.pod, now)
	return status, "container", profile, out
}

// connUser is by what connections are counted together: a node's agent does not know users, and pods have addresses
// of their own.
func (s *servingState) connUser(p *peer) int64 {
	if s.cfg.Pods == nil {
		return p.user()
	}
	h := fnv.New64a()
	a := p.remote.Addr().As16()
	_, _ = h.Write(a[:])
	return int64(h.Sum64() >> 1) // not noUser
}
