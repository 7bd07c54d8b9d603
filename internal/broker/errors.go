package broker

import (
	"errors"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/sts"
)

// LoginRequired reports whether err says that the user has to log in, or is being asked for an
// MFA code by another process at this moment.
func LoginRequired(err error) bool {
	_, held := errors.AsType[*cache.HeldError](err)
	return held || failure.ClassOf(err) == failure.InteractionRequired
}

// fromSTS gives an error of package sts its class.
func fromSTS(err error) *failure.Error {
	e := &failure.Error{Class: failure.Internal, Text: err.Error(), Err: err}
	if _, ok := errors.AsType[*sts.FieldError](err); ok {
		e.Class, e.Final = failure.Configuration, true
		return e
	}
	se, ok := errors.AsType[*sts.Error](err)
	if !ok {
		return e
	}
	e.Final, e.Busy = se.Final(), se.Class == sts.Throttled
	switch se.Class {
	case sts.Denied, sts.Invalid, sts.MFARejected, sts.ClockWrong:
		e.Class = failure.Denied
	case sts.SourceRejected:
		e.Class = failure.Source
	default:
		e.Class = failure.Unreachable
	}
	return e
}
