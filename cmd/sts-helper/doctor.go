package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/doctor"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/transport"
	"github.com/sts-helper/sts-helper/sts"
)

const doctorHelp = `Look for what breaks set-ups that look right, and say how to mend it: a helper that SDKs do
not find, keys and variables that win over it, clocks, modes, endpoints that do not answer.

    sts-helper doctor
    sts-helper doctor dev
    sts-helper doctor --output json

It asks STS for nothing but the time, unsigned. With findings the exit code is 3. What each
finding means is in docs/doctor.md.`

func (p *program) doctorCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:               "doctor [PROFILE...] [flags]",
		Short:             "Find what keeps programs from their credentials",
		Long:              doctorHelp,
		ValidArgsFunction: p.completeNames,
	}
	cmd.Flags().StringVar(&output, "output", "text", "`FORM` of the output: text, json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if output != "text" && output != "json" {
			return usageError{fmt.Errorf("--output is text or json, not %s", display.Quote(output))}
		}
		all, looked, err := p.examine(cmd.Context(), args)
		if err != nil {
			return err
		}
		if output == "json" {
			enc := json.NewEncoder(p.stdout)
			enc.SetIndent("", "  ")
			if err := enc.Encode(map[string]any{"version": 1, "healthy": len(all) == 0, "findings": all}); err != nil {
				return err
			}
		} else {
			for _, f := range all {
				if err := p.say("%s", f); err != nil {
					return err
				}
			}
			if len(all) == 0 {
				return p.say("nothing is wrong with what was looked at: %s", looked)
			}
		}
		if len(all) > 0 {
			return failure.Configf("doctor: findings: %d", len(all))
		}
		return nil
	}
	return cmd
}

// examine gives all that is wrong with the profiles named, or with all of them, and says what it
// looked at.
func (p *program) examine(ctx context.Context, names []string) (all []doctor.Finding, looked string, err error) {
	all = []doctor.Finding{}
	single := len(names) > 0
	if !single {
		if names, err = settings.KnownNames(p.env); err != nil {
			return nil, "", err
		}
	}
	files, err := settings.SharedFiles(p.env)
	if err != nil {
		return nil, "", err
	}
	running := settings.AWSNames(p.env)
	find := func(name string) error { _, err := child.Find(name, p.env.Getenv("PATH")); return err }
	for _, name := range names {
		if slices.Contains(running, name) {
			all = append(all, doctor.Profile(files.Profile(name), find)...)
		}
	}
	if len(running) > 0 {
		all = append(all, doctor.Variables(p.env.Getenv)...)
	}
	if info, err := os.Stat(files.Credentials.Path); err == nil && doctor.ModesMatter {
		all = append(all, doctor.Mode(files.Credentials.Path, info.Mode())...)
	}
	add := func(check, profile, where, problem, mend string) {
		f := doctor.Finding{Check: check, Profile: profile, Where: where, Problem: display.Safe(problem), Mend: mend}
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	asked := map[string]bool{}
	for _, name := range names {
		t, err := p.target(name, nil, p.looking(), broker.Options{NonInteractive: true})
		if err != nil {
			add("configuration", display.Safe(name), "", err.Error(), "correct what the line names")
			continue
		}
		all = append(all, doctor.Lifetime(t.name, t.Lifetime())...)
		switch c, err := t.Cache(); {
		case err != nil:
			add("cache", "", "", err.Error(), "name a directory of yours with --cache-dir")
		case c != nil:
			if problem := broker.CacheProblem(c); problem != "" {
				add("cache", "", "", problem, "make room there, or name a directory of yours with --cache-dir")
			}
		}
		if r := t.Request(); r.Granted == "" {
			url, err := endpointOf(r)
			if err != nil {
				add("endpoint", t.name, "", err.Error(), "correct the region or the endpoint")
			} else if !asked[url] {
				asked[url] = true
				all = append(all, p.askTheTime(ctx, url)...)
			}
		}
	}
	return all, fmt.Sprintf("%d profiles, %d endpoints", len(names), len(asked)), nil
}

// endpointOf is the URL of the STS that r asks.
func endpointOf(r *request.Request) (string, error) {
	c, err := sts.New(sts.Options{Region: r.Region, Endpoint: r.Endpoint, FIPS: r.FIPS, DualStack: r.DualStack})
	if err != nil {
		return "", err
	}
	return c.Endpoint(), nil
}

// timePatience is how long STS may take to say what time it is.
const timePatience = 5 * time.Second

// askTheTime compares this machine's clock with that of the STS at url, which says it to everybody.
func (p *program) askTheTime(ctx context.Context, url string) []doctor.Finding {
	if p.env.Getenv("AWS_CA_BUNDLE") != "" {
		return nil // whom it trusts is for the requests themselves to judge
	}
	ctx, cancel := context.WithTimeout(ctx, timePatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
	if err != nil {
		return nil
	}
	resp, err := transport.New(nil, timePatience).RoundTrip(req)
	if err != nil {
		return []doctor.Finding{{Check: "endpoint", Where: display.Safe(url), Problem: "it does not answer: " + display.Safe(display.Cause(err)), Mend: "look at the network, HTTPS_PROXY and --endpoint-url"}}
	}
	_ = resp.Body.Close()
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return nil
	}
	return doctor.Clock(time.Now(), there, display.Safe(url))
}
