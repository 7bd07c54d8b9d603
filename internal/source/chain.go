package source

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// ChainVariable carries the requests that are being answered above a process, so that one
// that refers to itself is seen at once rather than when the machine is full.
const ChainVariable = "STS_HELPER_CHAIN"

// maxChain is how many helpers may call one another. A chain that grows without repeating
// itself (a duration taken from the clock, say) ends here.
const maxChain = 8

// linkLength is how much of a key represents it in the chain: 64 bits.
const linkLength = 16

// Chain are the requests that are being answered above, outermost first.
type Chain []string

// InheritedChain is the chain of the processes above this one.
func InheritedChain(getenv func(string) string) Chain {
	v := getenv(ChainVariable)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// With is the chain for what is started on behalf of the request with that key.
func (c Chain) With(key cache.Key) Chain { return append(slices.Clip(c), key.String()[:linkLength]) }

// Check refuses the request with that key where it is already being answered above; profile is
// the AWS profile that its credentials come from.
func (c Chain) Check(key cache.Key, profile string) error {
	switch {
	case slices.Contains(c, key.String()[:linkLength]):
		return failure.Configf("the credentials of AWS profile %s lead back to this very request: its credential_process runs sts-helper for itself", display.Quote(profile)).
			Do("name the profile that holds the keys with --source-profile")
	case len(c) >= maxChain:
		return failure.Configf("%d helpers call one another, AWS profile %s the last", len(c), display.Quote(profile)).
			Do("look for a credential_process that leads back to itself")
	}
	return nil
}

func (c Chain) assignment() string { return ChainVariable + "=" + strings.Join(c, ",") }
