//go:build !linux

package keystore

import (
	"context"
	"errors"
)

// kernel is the keyring of Linux.
type kernel struct{}

var errNoKernel = errors.New("only Linux has one")

func (kernel) get(context.Context, string, string) (string, error) { return "", errNoKernel }
func (kernel) set(context.Context, string, string, string) error   { return errNoKernel }
func (kernel) remove(context.Context, string, string) error        { return errNoKernel }
