// Package rotation puts another access key in the place of a stored one: it makes the new one, stores it, tries it,
// uses it, and then deactivates and deletes the old one. Each step is written down before it is begun, so that the next
// call goes on where one was ended, at any place; at no time is there no working key.
package rotation

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/iam"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// Rotation is one key's.
type Rotation struct {
	Key   *storedkey.Key
	Dir   string // of the descriptions
	Store *keystore.Store
	IAM   iam.Client
	// Signer gives the credentials that sign requests to IAM, made with the key that has this id and secret: the key
	// itself, or a session with MFA.
	Signer func(ctx context.Context, id, secret string) (aws.Credentials, error)
	// Caller asks STS who credentials are.
	Caller func(ctx context.Context, c token.Credentials) (token.Principal, error)
	// Say is given what is being done, a line each.
	Say func(line string)

	held *aws.Credentials // a session that was made with the old key
	made bool             // the new key was made by this process, just now
}

// trialTime is how long a new key is tried, and window how long after the first request of a rotation its new key can
// have been made: IAM is eventually consistent, and a request takes [iam.Timeout] at most.
const (
	trialTime = 60 * time.Second
	window    = 3 * iam.Timeout
)

// Run does what is left to do.
func (r *Rotation) Run(ctx context.Context) error {
	for {
		var err error
		switch {
		case r.Key.Rotation == nil:
			err = r.begin(ctx)
		case r.Key.Rotation.Step == storedkey.Creating:
			err = r.create(ctx)
		case r.Key.Rotation.Step == storedkey.Stored:
			err = r.try(ctx)
		default:
			return r.deleteOld(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (r *Rotation) save() error { return keystore.Describe(r.Dir, r.Key) }

// begin notes what keys there are.
func (r *Rotation) begin(ctx context.Context) error {
	creds, err := r.signer(ctx, r.Key.AccessKeyID)
	if err != nil {
		return err
	}
	keys, at, err := r.IAM.AccessKeys(ctx, creds)
	if err != nil {
		return r.denied(err, "iam:ListAccessKeys")
	}
	if at.IsZero() {
		at = time.Now()
	}
	n := &storedkey.Rotation{Step: storedkey.Creating, Began: at.UTC(), Old: r.Key.AccessKeyID}
	for _, k := range keys {
		n.Before = append(n.Before, k.ID)
	}
	if !slices.Contains(n.Before, n.Old) {
		return failure.Configf("IAM does not list the key %s for its user", display.Safe(n.Old))
	}
	if err := r.room(keys); err != nil {
		return err
	}
	r.Key.Rotation = n
	return r.save()
}

// room refuses a third key, which IAM does not make.
func (r *Rotation) room(keys []iam.AccessKey) error {
	for _, k := range keys {
		if k.ID != r.Key.AccessKeyID {
			return failure.Configf("the user has another access key beside %s, and IAM allows two: %s (%s, made %s)", display.Safe(r.Key.AccessKeyID), display.Safe(k.ID), strings.ToLower(display.Safe(k.Status)), k.Created.Format(time.DateOnly)).
				Do("see who uses it, then delete it: aws iam delete-access-key --access-key-id %s", display.Safe(k.ID))
		}
	}
	return nil
}

// abandon notes that there is no new key.
func (r *Rotation) abandon() error {
	r.Key.Rotation = nil
	return r.save()
}

// create makes the new key and stores it beside the old one.
func (r *Rotation) create(ctx context.Context) error {
	n := r.Key.Rotation
	creds, err := r.signer(ctx, n.Old)
	if err != nil {
		return err
	}
	keys, _, err := r.IAM.AccessKeys(ctx, creds)
	if err != nil {
		return r.denied(err, "iam:ListAccessKeys")
	}
	for _, k := range keys {
		if slices.Contains(n.Before, k.ID) {
			continue
		}
		if _, err := r.Store.Get(ctx, r.Key.Name, k.ID); err == nil {
			r.Say("the new key " + display.Safe(k.ID) + " was stored before")
			n.New, n.Step = k.ID, storedkey.Stored
			return r.save()
		} else if !errors.Is(err, keystore.ErrNotFound) {
			return err
		}
		// IAM says a secret once, and the process that asked for this one was ended. Another key than that
		// one is not ours to delete.
		if since := k.Created.Sub(n.Began); since < -time.Second || since > window {
			return r.room(keys)
		}
		r.Say("deleting key " + display.Safe(k.ID) + ", whose secret was lost when this was ended the last time")
		if err := r.IAM.DeleteAccessKey(ctx, creds, k.ID); err != nil && !gone(err) {
			return r.denied(err, "iam:DeleteAccessKey")
		}
	}
	if err := r.begin(ctx); err != nil { // by now there is one key again
		return err
	}
	r.Say("making a new key")
	k, secret, err := r.IAM.CreateAccessKey(ctx, creds)
	if e, ok := errors.AsType[*iam.Error](err); ok && e.Code != "" && e.Status < http.StatusInternalServerError {
		// None was made, so none is to be deleted the next time: what there is then is another process's.
		if err := r.abandon(); err != nil {
			return err
		}
	}
	if err != nil {
		return r.denied(err, "iam:CreateAccessKey")
	}
	if err := r.Store.Set(ctx, r.Key.Name, k.ID, secret); err != nil {
		if derr := r.IAM.DeleteAccessKey(context.WithoutCancel(ctx), creds, k.ID); derr == nil {
			_ = r.abandon() // else the next call finds that there is no such key
		}
		return err
	}
	r.made = true
	n = r.Key.Rotation
	n.New, n.Step = k.ID, storedkey.Stored
	return r.save()
}

// lost reports whether IAM has the new key no more, which a call before this one made.
func (r *Rotation) lost(ctx context.Context) (bool, error) {
	n := r.Key.Rotation
	if r.made {
		return false, nil
	}
	creds, err := r.signer(ctx, n.Old)
	if err != nil {
		return false, err
	}
	keys, at, err := r.IAM.AccessKeys(ctx, creds)
	if unknown(err) {
		return false, nil // the old one is gone, and the new one is all there is
	}
	if err != nil {
		return false, r.denied(err, "iam:ListAccessKeys")
	}
	if at.IsZero() {
		at = time.Now()
	}
	// A list may lack what was made just now.
	return at.Sub(n.Began) > trialTime && !slices.ContainsFunc(keys, func(k iam.AccessKey) bool { return k.ID == n.New }), nil
}

// try makes the new key the one in use, once STS knows it.
func (r *Rotation) try(ctx context.Context) error {
	n := r.Key.Rotation
	lost, err := r.lost(ctx)
	if err != nil {
		return err
	}
	if lost {
		r.Say("the new key " + display.Safe(n.New) + " was deleted at AWS")
		if err := r.Store.Remove(ctx, r.Key.Name, n.New); err != nil {
			return err
		}
		return r.abandon()
	}
	secret, err := r.Store.Get(ctx, r.Key.Name, n.New)
	if err != nil {
		return err
	}
	r.Say("trying " + display.Safe(n.New))
	who, err := settled(ctx, func() (token.Principal, error) {
		return r.Caller(ctx, token.Credentials{AccessKeyID: n.New, SecretAccessKey: secret})
	})
	if err != nil {
		return err
	}
	if who.ARN != r.Key.ARN {
		return failure.Configf("the new key %s is of %s, and the old one of %s", display.Safe(n.New), display.Safe(who.ARN), display.Safe(r.Key.ARN))
	}
	now := time.Now().UTC().Truncate(time.Second)
	r.Key.AccessKeyID, r.Key.Created, n.Step = n.New, &now, storedkey.Switched
	return r.save()
}

// deleteOld takes the old key away, which is in use no more.
func (r *Rotation) deleteOld(ctx context.Context) error {
	n := r.Key.Rotation
	for _, step := range []struct {
		say, action string
		do          func(context.Context, aws.Credentials, string) error
	}{
		{"deactivating ", "iam:UpdateAccessKey", r.IAM.DeactivateAccessKey},
		{"deleting ", "iam:DeleteAccessKey", r.IAM.DeleteAccessKey},
	} {
		r.Say(step.say + display.Safe(n.Old))
		_, err := settled(ctx, func() (struct{}, error) {
			creds, err := r.signer(ctx, r.Key.AccessKeyID)
			if err == nil {
				err = step.do(ctx, creds, n.Old)
			}
			if unknown(err) {
				r.held = nil // a session of the old key may end with it
			}
			return struct{}{}, err
		})
		if err != nil && !gone(err) {
			return r.denied(err, step.action)
		}
	}
	if err := r.Store.Remove(ctx, r.Key.Name, n.Old); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	r.Key.Rotation, r.Key.Rotated = nil, &now
	return r.save()
}

// signer gives the credentials for IAM; a session is made once, and used as long as IAM takes it.
func (r *Rotation) signer(ctx context.Context, id string) (aws.Credentials, error) {
	if r.held != nil {
		return *r.held, nil
	}
	secret, err := r.Store.Get(ctx, r.Key.Name, id)
	if err != nil {
		return aws.Credentials{}, err
	}
	c, err := r.Signer(ctx, id, secret)
	if err == nil && c.SessionToken != "" {
		r.held = &c
	}
	return c, err
}

// settled calls do until AWS knows a new key everywhere, within trialTime.
func settled[T any](ctx context.Context, do func() (T, error)) (T, error) {
	end := time.Now().Add(trialTime)
	for delay := 250 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		v, err := do()
		if !unknown(err) || time.Now().Add(delay).After(end) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, context.Cause(ctx)
		case <-time.After(delay):
		}
	}
}

// unknown reports whether AWS does not know the key, not yet or no more.
func unknown(err error) bool {
	code := ""
	if e, ok := errors.AsType[*iam.Error](err); ok {
		code = e.Code
	} else if e, ok := errors.AsType[*sts.Error](err); ok {
		code = e.Code
	}
	return code == unknownKey || code == "ExpiredToken"
}

// unknownKey is the code for an access key that AWS does not know, not yet or no more, or that is inactive.
const unknownKey = "InvalidClientTokenId"

// gone reports whether IAM does not have the key that was to go.
func gone(err error) bool {
	e, ok := errors.AsType[*iam.Error](err)
	return ok && e.Code == "NoSuchEntity"
}

// denied classifies an error of IAM.
func (r *Rotation) denied(err error, action string) error {
	e, ok := errors.AsType[*iam.Error](err)
	switch {
	case !ok:
		return err
	case !e.Denied:
		return &failure.Error{Class: failure.Unreachable, Err: err, Text: e.Error(), Next: "run the same again: it goes on where it was"}
	}
	next := "allow it for the user's own key, and where that takes MFA, add --mfa-serial auto"
	switch {
	case e.Code == "LimitExceeded":
		next = "IAM allows a user two keys, and another process made one just now: run the same again, which names it"
	case e.Code == unknownKey && r.Key.Rotation != nil && r.Key.Rotation.Step == storedkey.Switched:
		next = "IAM does not know the new key yet: run the same again, which goes on where it was"
	case e.Code == unknownKey:
		next = "the key is deleted or inactive at AWS: store another, sts-helper keys add " + display.ShellWord(r.Key.Name) + " --replace"
	}
	return &failure.Error{Class: failure.Denied, Err: err, Final: true, Text: action + ": " + e.Error(), Next: next}
}
