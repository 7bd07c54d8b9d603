package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// startEndpoint opens the endpoint in this process, which waits for the command.
func (p *program) startEndpoint(ctx context.Context, name, description string, flags settings.Flags) (endpointAddress, error) {
	at, run, err := p.openEndpoint(ctx, name, description, flags)
	if err == nil {
		go func() { _ = run() }()
	}
	return at, err
}

func (p *program) endpointCommands() []*cobra.Command { return nil }
