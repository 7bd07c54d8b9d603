package main

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/sts"
)

func TestWaitingIsSaidAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		log := slog.New(&waitHandler{say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }})
		ask := func(attempt int) { log.Debug(sts.Asked, "endpoint", "sts.test", "attempt", attempt, "of", 2) }
		ask(1)
		time.Sleep(900 * time.Millisecond)
		log.Debug(sts.Answered)
		time.Sleep(time.Minute)
		if said != nil {
			t.Errorf("of a short wait: %q", said)
		}
		ask(1)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		log.Debug(sts.Failed)
		ask(2)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		log.Debug(sts.Answered)
		time.Sleep(time.Minute)
		log.Debug(broker.Waiting, "for", "a command")
		time.Sleep(1100 * time.Millisecond)
		log.Debug(broker.Waited)
		log.Debug(broker.Waiting, "for", "")
		time.Sleep(1100 * time.Millisecond)
		log.Debug(broker.Waiting, "for", "a lock")
		log.Debug(broker.Waited)
		time.Sleep(time.Minute)
		if want := []string{"waiting for sts.test, attempt 1 of 2", "waiting for sts.test, attempt 2 of 2", "waiting for a command"}; !slices.Equal(said, want) {
			t.Errorf("%q", said)
		}
	})
}
