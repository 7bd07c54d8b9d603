package cache

import (
	"crypto/sha256"
	"slices"

	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
)

// Input is one thing that changes whose a token is or what it may do. A Value of nil means
// the input is absent, which is unlike an empty one. Inputs are written into the record
// next to the token, so they must not be secrets.
type Input = record.Input

// Key names a token by its inputs. The zero Key names nothing.
type Key struct {
	inputs []Input
	sum    [sha256.Size]byte
}

// NewKey makes the key of the given inputs, in the given order. No two lists of inputs share
// a key.
func NewKey(inputs ...Input) Key { return Key{slices.Clone(inputs), envelope.Sum(inputs)} }

// Present is an input with a value, the empty one included.
func Present(name, value string) Input { return Input{Name: name, Value: &value} }

// Absent is an input that was not given.
func Absent(name string) Input { return Input{Name: name} }

// Optional is [Present], or [Absent] where value is empty.
func Optional(name, value string) Input {
	if value == "" {
		return Absent(name)
	}
	return Present(name, value)
}

// String is the key in 64 hexadecimal digits, which is also its file's name.
func (k Key) String() string { return record.Hex(k.sum[:]) }

// Inputs are the inputs the key was made of.
func (k Key) Inputs() []Input { return slices.Clone(k.inputs) }

// sameInputs reports whether two lists of inputs are equal to the byte.
func sameInputs(a, b []Input) bool {
	return slices.EqualFunc(a, b, func(x, y Input) bool {
		return x.Name == y.Name && (x.Value == nil) == (y.Value == nil) && (x.Value == nil || *x.Value == *y.Value)
	})
}
