// Package kubernetes gives tests an API server that reviews tokens of pods: a small one that is in the test's own process
// and refuses what the real one refuses, and the real one with its etcd (make apiserver), to which the small one is held.
package kubernetes

import (
	"testing"
	"time"
)

// Cluster is an API server, and what a test has in it.
type Cluster interface {
	// Env is KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
	Env() (host, port string)
	// Dir has ca.crt and token of a service account that may create token reviews.
	Dir() string
	// Account makes a service account and its namespace, where they are missing.
	Account(t testing.TB, namespace, name string)
	// Pod makes a pod of a service account on a node.
	Pod(t testing.TB, namespace, account, name, node string)
	// Token makes a token for a pod, as the kubelet does; with no pod, for the service account alone.
	Token(t testing.TB, namespace, account, pod, audience string, life time.Duration) string
	// DeletePod removes a pod from the cluster.
	DeletePod(t testing.TB, namespace, name string)
	// Forbid takes the permission to create token reviews from the service account of Dir, or gives it back.
	Forbid(t testing.TB, forbidden bool)
}
