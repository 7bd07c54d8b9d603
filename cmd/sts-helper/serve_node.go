package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/nodeagent"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const (
	// defaultAudience is the agent's own, so that a token for it is good for nothing else, nor one for something else here.
	defaultAudience = "sts-helper"
	// podListen is where the agent of a node listens by default.
	podListen = imds.PodAddress + ":80"
	// maxConnsOfPod bounds the connections of one pod's address.
	maxConnsOfPod = 128
)

// podListens are the addresses that SDKs know.
var podListens = [...]string{podListen, "[" + imds.PodAddress6 + "]:80"}

// checkNode refuses what does not go with --node, or without it.
func (f *serveFlags) checkNode() error {
	if !f.node {
		if f.nodeName != "" || f.nodePods != "" {
			return usageError{errors.New("--node-name and --node-pods go with --node")}
		}
		return nil
	}
	for _, x := range []struct {
		flag  string
		given bool
	}{
		{"profile", len(f.profiles) > 0},
		{"imds", f.imds != ""},
		{"ecs-address", f.ecs != ""},
		{"env-file", f.envFile != ""},
		{"token-file", f.tokenFile != ""},
		{"allow-uid", len(f.allowUIDs) > 0},
		{"allow-host", len(f.hosts) > 0},
		{"loopback-alias", len(f.aliases) > 0},
		{"expose-credentials-to-the-network", f.allowNonLoopback},
	} {
		if x.given {
			return usageError{fmt.Errorf("--%s does not go with --node: pods are told apart by their tokens, and get the profiles of --node-pods", x.flag)}
		}
	}
	for _, a := range f.listen {
		host, port, _ := net.SplitHostPort(a) // was checked
		ip, err := netip.ParseAddr(host)
		pods := err == nil && (ip.String() == imds.PodAddress || ip.String() == imds.PodAddress6)
		if err != nil || pods && port != "80" || !pods && !ip.IsLoopback() {
			return usageError{fmt.Errorf("--listen: with --node it is %s or %s, where SDKs ask, or an address of loopback, not %s", podListens[0], podListens[1], display.Quote(a))}
		}
	}
	switch {
	case f.nodePods == "":
		return usageError{errors.New("--node: name the file of service accounts and their profiles with --node-pods")}
	case f.nodeName == "":
		return usageError{errors.New("--node: name this node with --node-name; in a pod STS_HELPER_SERVE_NODE_NAME can come from the field spec.nodeName")}
	case f.nodeAudience == "":
		return usageError{errors.New("--node-audience: the audience of the pods' tokens is missing")}
	}
	return nil
}

func (e *endpoint) newAgent() (*nodeagent.Agent, error) {
	a, err := nodeagent.New(nodeagent.Config{
		Host: e.env.Getenv("KUBERNETES_SERVICE_HOST"), Port: e.env.Getenv("KUBERNETES_SERVICE_PORT"),
		Dir: e.flags.nodeDir, Audience: e.flags.nodeAudience, Node: e.flags.nodeName, Log: e.log,
	})
	if err != nil {
		return nil, &failure.Error{Class: failure.Configuration, Err: err, Text: "--node: " + err.Error(), Next: "run it in a pod, or set them"}
	}
	return a, nil
}

// rules reads the file of --node-pods, which is looked at again when it changes.
func (e *endpoint) rules(env settings.Environment) (*nodeagent.Rules, error) {
	path := e.flags.nodePods
	env.Reading(path)
	data, info, err := safefile.Read(path, nodeagent.MaxRules)
	if err != nil {
		return nil, failure.Configf("--node-pods: %s cannot be read: %s", display.Safe(path), display.Innermost(err))
	}
	if err = safefile.CheckTrusted(info); err == nil {
		err = safefile.CheckNotEveryones(path, filepath.Dir(path), info)
	}
	if err != nil {
		return nil, failure.Configf("--node-pods: %s: %s; others could give themselves credentials by it", display.Safe(path), err)
	}
	rules, err := nodeagent.ParseRules(string(data))
	if err != nil {
		return nil, failure.Configf("%s:%s", display.Safe(path), err)
	}
	return rules, nil
}
