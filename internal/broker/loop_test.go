package broker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// typed is a user who types these codes, and what they were told.
type typed struct {
	codes []string
	told  []string
}

func (*typed) Name() string { return "terminal of the test" }

func (u *typed) Code(_ context.Context, q mfa.Question) (string, error) {
	u.told = append(u.told, q.Problem)
	if len(u.codes) == 0 {
		return "", mfa.ErrTimeout
	}
	code := u.codes[0]
	u.codes = u.codes[1:]
	return code, nil
}

// What is answered to a code decides whether the user is asked for another one.
func TestAskAndSend(t *testing.T) {
	refused := fromSTS(&sts.Error{Class: sts.MFARejected, Message: "MultiFactorAuthentication failed with invalid MFA one time pass code."})
	unknown := fromSTS(&sts.Error{Class: sts.MFARejected, Message: "MultiFactorAuthentication failed, unable to validate MFA code: invalid serial number"})
	denied := fromSTS(&sts.Error{Class: sts.Denied})
	lost := fromSTS(&sts.Error{Class: sts.Unreachable})
	for name, tc := range map[string]struct {
		codes   []string
		answers []error // to the codes that are sent
		told    []string
		want    error
		class   failure.Class
	}{
		"right":               {[]string{"000001"}, []error{nil}, []string{""}, nil, ""},
		"refused, then right": {[]string{"000001", "000002"}, []error{refused, nil}, []string{"", codeRefused}, nil, ""},
		"typed twice":         {[]string{"000001", "000001", "000002"}, []error{refused, nil}, []string{"", codeRefused, codeUsed}, nil, ""},
		"refused three times": {[]string{"000001", "000002", "000003", "000004"}, []error{refused, refused, refused}, []string{"", codeRefused, codeRefused}, refused, failure.Denied},
		"no more codes":       {[]string{"000001"}, []error{refused}, []string{"", codeRefused}, mfa.ErrTimeout, failure.InteractionRequired},
		"unknown device":      {[]string{"000001", "000002"}, []error{unknown}, []string{""}, unknown, failure.Denied},
		"denied":              {[]string{"000001", "000002"}, []error{denied}, []string{""}, denied, failure.Denied},
		"no answer":           {[]string{"000001", "000002"}, []error{lost}, []string{""}, lost, failure.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Provider{req: &request.Request{}, opts: Options{Log: slog.New(slog.DiscardHandler)}, prompter: &prompter{}}
			p.open.Do(func() {}) // without a cache
			user := &typed{codes: tc.codes}
			sent := 0
			_, err := p.askAndSend(t.Context(), user, mfa.MemoryDevice(), mfa.Question{Attempt: 1}, func(string) (token.Token, error) {
				sent++
				return token.Token{}, tc.answers[min(sent, len(tc.answers))-1]
			})
			if !errors.Is(err, tc.want) || err != nil && failure.ClassOf(err) != tc.class || sent != len(tc.answers) || !slices.Equal(user.told, tc.told) {
				t.Errorf("%v, %d codes sent, told %q", err, sent, user.told)
			}
		})
	}
}

// The user and the locks have what is left of the whole call, and a login has more.
func TestBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Provider{req: &request.Request{SerialNumber: "x"}, prompter: &prompter{}}
		set := &Provider{req: &request.Request{CallOptions: request.CallOptions{Wait: 3 * time.Second}}, prompter: &prompter{}}
		ctx := p.withBudget(t.Context())
		check := func(wait, prompt time.Duration) {
			t.Helper()
			if got := p.wait(ctx); got != wait {
				t.Errorf("waits %s for a lock, want %s", got, wait)
			}
			if got := p.promptTimeout(ctx); got != prompt {
				t.Errorf("asks for %s, want %s", got, prompt)
			}
			// The budget is the call's, whatever is below: a request has none of its own.
			if got := set.wait(ctx); got != wait {
				t.Errorf("waits %s for a lock below, want %s", got, wait)
			}
		}
		check(cache.DefaultWaitInteractive, promptFor)
		time.Sleep(40 * time.Second)
		ctx = set.withBudget(ctx) // of what is called from within
		check(cache.DefaultWaitInteractive-40*time.Second, promptUntil-40*time.Second)
		time.Sleep(time.Minute)
		check(leastWait, promptUntil-100*time.Second)
		// A program that gives codes is asked all the same: no user has to hurry.
		p.prompter.opts.Process = "code"
		check(leastWait, promptLeast)
		p.prompter.login = true
		check(leastWait, promptForLogin)
		ctx = set.withBudget(t.Context())
		check(3*time.Second, promptForLogin)
	})
}
