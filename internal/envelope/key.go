package envelope

import (
	"crypto/sha256"

	"github.com/sts-helper/sts-helper/internal/record"
)

// keySchema is hashed first. It changes when the meaning of an input does.
const keySchema = "sts-helper/key/1"

// bigEndian is n in eight bytes, as encoding/binary has it, which needs reflect.
func bigEndian(n uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (56 - 8*i))
	}
	return b
}

// Sum is the hash of inputs, in their order, by which a record is named. Each name and value
// goes into it behind its length, so that no two lists of inputs share one.
func Sum(inputs []record.Input) (sum [sha256.Size]byte) {
	h := sha256.New()
	part := func(s string) {
		h.Write(bigEndian(uint64(len(s))))
		h.Write([]byte(s))
	}
	part(keySchema)
	for _, in := range inputs {
		part(in.Name)
		if in.Value == nil {
			h.Write([]byte{0})
			continue
		}
		h.Write([]byte{1})
		part(*in.Value)
	}
	h.Sum(sum[:0])
	return sum
}
