package keys_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// stopAt kills a rotation in its first request for op.
func (w *world) stopAt(t *testing.T, op string, kind emulator.Kind) {
	t.Helper()
	w.STS.Fault(emulator.Fault{Kind: kind, Op: op, Times: 1})
	w.STS.ResetCounts()
	cmd := w.Command(t, "keys", "rotate", "work")
	harness.Must(t, cmd.Start())
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	harness.Must(t, w.STS.WaitInFlight(ctx, op, 1))
	harness.Must(t, cmd.Process.Kill())
	_ = cmd.Wait() // which ends what hangs; to let it go on might carry it out
}

// Where IAM refused to make a key, there is none that was lost: what another process made at that time is not deleted.
func TestRotateRefusedAKey(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault emulator.Fault
		code  int
		says  string
	}{
		"denied":   {emulator.Fault{Kind: emulator.Deny}, harness.ExitDenied, "iam:CreateAccessKey"},
		"two keys": {emulator.Fault{Kind: emulator.Refuse, Status: 409, Code: "LimitExceeded", Message: "Cannot exceed quota for AccessKeysPerUser: 2"}, harness.ExitDenied, "IAM allows a user two keys"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ok(t, w.add(t))
			tt.fault.Op, tt.fault.Times = "CreateAccessKey", 1
			w.STS.Fault(tt.fault)
			if r := w.Run(t, "keys", "rotate", "work"); r.Code != tt.code || !strings.Contains(r.Stderr, tt.says) {
				t.Errorf("exit %d, %s", r.Code, r.Stderr)
			}
			if k := w.key(t); k.Rotating != "" {
				t.Errorf("a rotation is going on: %s", k.Rotating)
			}
			other, _ := w.STS.AddKey(w.User)
			if r := w.Run(t, "keys", "rotate", "work"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, other) {
				t.Errorf("exit %d, %s", r.Code, r.Stderr)
			}
			if all, _ := w.STS.AccessKeys(w.User); !slices.Contains(all, other) {
				t.Error("another process's key was deleted")
			}
		})
	}
}

// A new key that was deleted at AWS before it was used does not keep the old one from being rotated.
func TestRotateWithoutItsNewKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	w.stopAt(t, "GetCallerIdentity", emulator.Hang)
	all, _ := w.STS.AccessKeys(w.User)
	if len(all) != 2 || w.key(t).Rotating != "stored" {
		t.Fatalf("%q, %+v", all, w.key(t))
	}
	w.STS.DeleteKey(all[1])
	w.STS.SetNow(func() time.Time { return time.Now().Add(2 * time.Minute) }) // a list may lack what is new
	r := w.ok(t, w.Run(t, "keys", "rotate", "work"))
	k, secrets := w.key(t), w.store.Secrets()
	if now, _ := w.STS.AccessKeys(w.User); len(now) != 1 || now[0] != k.AccessKeyID || now[0] == all[0] || len(secrets) != 1 || k.Rotating != "" {
		t.Errorf("%q, %+v, %d secrets, %s", now, k, len(secrets), r.Stderr)
	}
	w.use(t)
}

// Removed, or replaced, in the middle of a rotation, both its keys are named and no secret stays.
func TestEndedInARotation(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"remove": {"keys", "remove", "work", "--yes"}, "replace": {"keys", "add", "work", "--replace"}} {
		for at, op := range map[string]string{"stored": "GetCallerIdentity", "switched": "UpdateAccessKey"} {
			t.Run(name+" when "+at, func(t *testing.T) {
				w := newWorld(t)
				w.ok(t, w.add(t))
				w.stopAt(t, op, emulator.Hang)
				if k := w.key(t); k.Rotating != at {
					t.Fatalf("%+v", k)
				}
				all, _ := w.STS.AccessKeys(w.User)
				cmd := w.Command(t, args...)
				cmd.Stdin = strings.NewReader(w.User.AccessKeyID + "\n" + w.User.SecretAccessKey + "\n")
				r := w.ok(t, w.Finish(t, cmd))
				left := 0
				if name == "replace" { // by the old one
					left, all = 1, all[1:]
				}
				for _, id := range all {
					if !strings.Contains(r.Stdout+r.Stderr, "aws iam delete-access-key --access-key-id "+id) {
						t.Errorf("%s is not named: %s%s", id, r.Stdout, r.Stderr)
					}
				}
				if secrets := w.store.Secrets(); len(secrets) != left {
					t.Errorf("%d secrets are stored", len(secrets))
				}
			})
		}
	}
}

// A key that AWS does not have any more is said to be gone, and not to lack a permission.
func TestRotateADeletedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	w.STS.DeleteKey(w.User.AccessKeyID)
	if r := w.Run(t, "keys", "rotate", "work"); r.Code != harness.ExitDenied || strings.Contains(r.Stderr, "allow it") || !strings.Contains(r.Stderr, "InvalidClientTokenId") ||
		!strings.Contains(r.Stderr, "sts-helper keys add work --replace") {
		t.Errorf("exit %d, %s", r.Code, r.Stderr)
	}
}

// A key that is stored under two names is not deleted below one of them.
func TestRotateAKeyOfTwoNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	cmd := w.Command(t, "keys", "add", "job")
	cmd.Stdin = strings.NewReader(w.User.AccessKeyID + "\n" + w.User.SecretAccessKey + "\n")
	w.ok(t, w.Finish(t, cmd))
	r := w.Run(t, "keys", "rotate", "work")
	if all, _ := w.STS.AccessKeys(w.User); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "\"job\"") || !strings.Contains(r.Stderr, "sts-helper keys remove job") || len(all) != 1 {
		t.Errorf("exit %d, %s, %q", r.Code, r.Stderr, all)
	}
	w.ok(t, w.Run(t, "keys", "remove", "job", "--yes"))
	w.ok(t, w.Run(t, "keys", "rotate", "work"))
	w.use(t)
}

// A call that began with the old key, and reaches STS when the rotation has ended, is answered with the new one.
func TestCallDuringRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.STS.AddRole(harness.Account, "app").ARN
	w.ok(t, w.add(t))
	for op, args := range map[string][]string{
		"GetSessionToken": {"--source-key", "work"},
		"AssumeRole":      {"--source-key", "work", "--role-arn", role},
	} {
		before := w.key(t).AccessKeyID
		w.STS.Fault(emulator.Fault{Kind: emulator.Hang, Op: op, Times: 1})
		w.STS.ResetCounts()
		cmd := w.Command(t, args...)
		var out, errs harness.Output
		cmd.Stdout, cmd.Stderr = &out, &errs
		harness.Must(t, cmd.Start())
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		harness.Must(t, w.STS.WaitInFlight(ctx, op, 1))
		cancel()
		w.ok(t, w.Run(t, "keys", "rotate", "work"))
		w.STS.ClearFaults()
		if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), harness.Canary) {
			t.Errorf("%s: %v, %s", op, err, errs.String())
		}
		// And what it gave is kept under the new key.
		calls := len(w.STS.Requests())
		if d := w.Creds(t, w.Run(t, args...)); !strings.Contains(out.String(), d.AccessKeyId) || len(w.STS.Requests()) != calls || w.key(t).AccessKeyID == before {
			t.Errorf("%s: not kept", op)
		}
	}
}
