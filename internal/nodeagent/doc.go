// Package nodeagent finds out which pod of a Kubernetes node asks for credentials, and which profile it gets.
//
// A pod sends the token that the kubelet projects for it. The agent has the API server review it (TokenReview of
// authentication.k8s.io/v1), for an audience of the agent's own, and takes it if it was made for a pod on this
// node whose service account has a line in the list of rules. A review is used again for a minute at most.
//
// The requests are few and small, so they are written here: a client library of Kubernetes would be larger than all the
// rest of the program.
package nodeagent
