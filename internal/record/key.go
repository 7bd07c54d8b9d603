package record

import (
	"crypto/sha256"
	"encoding/binary"
)

// keySchema is hashed first. It changes when the meaning of an input does.
const keySchema = "sts-helper/key/1"

// Sum is the hash of inputs, in their order, by which a record is named. Each name and value
// goes into it behind its length, so that no two lists of inputs share one.
func Sum(inputs []Input) (sum [sha256.Size]byte) {
	h := sha256.New()
	part := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
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
