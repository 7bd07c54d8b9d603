package nodeagent

import (
	"context"
	"time"
)

// The API server is asked again at such intervals until it answers.
const (
	retryMin = 500 * time.Millisecond
	retryMax = 15 * time.Second
)

// note keeps whether the API server could be asked, and logs when that changes.
func (a *Agent) note(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	a.mu.Lock()
	before, first := a.trouble, !a.asked
	a.trouble, a.asked = text, true
	a.mu.Unlock()
	switch {
	case text != "":
		if text != before {
			a.cfg.Log.Error("service account tokens cannot be reviewed", "error", text)
		}
		select {
		case a.troubled <- struct{}{}:
		default:
		}
	case first || before != "":
		a.cfg.Log.Info("the API server reviews service account tokens", "node", a.cfg.Node, "audience", a.cfg.Audience)
	}
}

// Ready reports whether the API server could be asked when it was asked last.
func (a *Agent) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked && a.trouble == ""
}

// Run finds out whether the API server can be asked, at the start and after it could not be, until ctx ends. It asks about
// something that is no token, which is answered only where the connection, the agent's own token and its
// permissions are right.
func (a *Agent) Run(ctx context.Context) {
	for wait := retryMin; ctx.Err() == nil; {
		_, err := a.ask(ctx, "not-a-token")
		if ctx.Err() != nil {
			return
		}
		a.note(err)
		if err == nil {
			wait = retryMin
			select { // what was noted before this answer
			case <-a.troubled:
			default:
			}
			select {
			case <-a.troubled:
			case <-ctx.Done():
			}
		} else {
			wait = min(2*wait, retryMax)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}
