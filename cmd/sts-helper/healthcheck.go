package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/transport"
)

const healthcheckHelp = `Ask a server on this machine, or in this container, whether it has credentials for every
profile. The exit code is 0 where it is ready, and 1 where it is not, or does not answer:

    sts-helper healthcheck
    sts-helper healthcheck 127.0.0.1:9911

Without an address the server that "sts-helper serve" starts here is asked: STS_HELPER_SERVE_LISTEN, else
` + defaultListen + `. It is for a container's health check, which has no shell: see docs/serve.md.`

// healthWait bounds the question; health checks are repeated.
const healthWait = 5 * time.Second

func (p *program) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "healthcheck [ADDRESS]",
		Short:             "Ask a server whether it is ready",
		Long:              healthcheckHelp,
		Args:              atMostOne("ADDRESS"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			address := defaultListen
			if listen := p.env.Getenv("STS_HELPER_SERVE_LISTEN"); listen != "" {
				address, _, _ = strings.Cut(strings.ReplaceAll(strings.TrimSpace(listen), "\n", ","), ",") // as serve reads it
				address = strings.TrimSpace(address)
			}
			if len(args) > 0 {
				address = args[0]
			}
			word, err := askHealth(cmd.Context(), address)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(p.stdout, word); err != nil || word == "ready" {
				return err
			}
			return exitError{fmt.Errorf("the server at %s is not ready: %s", display.Safe(address), word), 1}
		},
	}
}

// askHealth asks the server for its word. One that listens on every address is asked on loopback.
func askHealth(ctx context.Context, address string) (word string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", usageError{fmt.Errorf("want an address and a port, such as %s, not %s", defaultListen, display.Quote(address))}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return "", usageError{fmt.Errorf("%s is no address", display.Quote(address))}
	}
	way := transport.New(nil, healthWait)
	way.Proxy = nil // it is this machine
	resp, err := way.RoundTrip(req)
	if err != nil {
		return "", exitError{fmt.Errorf("the server at %s does not answer: %s", display.Safe(address), display.Innermost(err)), 1}
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64)) // half a word is none
	word = strings.TrimSpace(string(body))
	switch word {
	case "ready", "starting", "login-required", "unavailable":
		return word, nil
	}
	return "", exitError{fmt.Errorf("what answers at %s is no sts-helper", display.Safe(address)), 1}
}
