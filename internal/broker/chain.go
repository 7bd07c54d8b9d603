package broker

import (
	"os"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// ChainVariable carries the requests that are being answered above a process, so that one
// which leads back to itself is seen at once rather than when the machine is full.
const ChainVariable = "STS_HELPER_CHAIN"

// maxChain is how many helpers may call one another. A chain that grows without repeating
// itself (a duration taken from the clock, say) ends here.
const maxChain = 8

// linkLength is how much of a key stands for it in the chain: 64 bits.
const linkLength = 16

type chain []string

func inheritedChain() chain {
	v := os.Getenv(ChainVariable)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// with is the chain for what p starts.
func (c chain) with(p *Provider) chain {
	return append(slices.Clip(c), p.key.String()[:linkLength])
}

func (c chain) assignment() string { return ChainVariable + "=" + strings.Join(c, ",") }

// check refuses a request that is already being answered above.
func (c chain) check(p *Provider) error {
	source := p.req.Source.Profile
	for r := p.req; r.Base != nil; r = r.Base {
		source = r.Base.Source.Profile
	}
	switch {
	case slices.Contains(c, p.key.String()[:linkLength]):
		return failure.Configf("the credentials of AWS profile %s lead back to this very request: its credential_process runs sts-helper for itself; name the profile that holds the keys with --source-profile", display.Quote(source))
	case len(c) >= maxChain:
		return failure.Configf("%d helpers call one another, AWS profile %s the last: look for a credential_process that leads back to itself", len(c), display.Quote(source))
	}
	return nil
}
