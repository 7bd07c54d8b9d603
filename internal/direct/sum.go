package direct

import (
	"math/bits"
	"math/rand/v2"
)

// A note compares what it depends on by hashes. The files may be large (5,000 profiles take a
// megabyte) and all of them are read at every call, so the hash has to be about as fast as the
// reading. And package direct has to be initialised before crypto/sha256 could be, which comes
// behind all of crypto. What is needed here is less than what SHA-256 gives, and can be proved:
//
//   - Two contents have the same hash by accident only, and hardly: NH of UMAC (Black, Halevi,
//     Krawczyk, Krovetz, Rogaway, CRYPTO 1999; RFC 4418 has it with other sizes), with words of 64
//     bits and two sums by its Toeplitz construction, gives any two different blocks of equal length
//     the same 256 bits with a probability of at most 2^-128, taken over the key, whatever the blocks
//     are. The hashes of the blocks and the length go through it once more, by another key: at most
//     2^-127 for two contents.
//   - The key is random, each note has its own, and it is kept in the note, where only the user and
//     root can read it. So who may write a part of a settings file cannot look for two contents with
//     the same hash. Who reads the note can, and needs no second content: the credentials are beside it.
//   - The hash shows nothing of the content, which may hold a long-term secret access key. NH itself
//     would, being a sum of products. So what it gives is only the key of ChaCha8, and the hash is the
//     begin of that key's stream: to find a secret one must try it.
type sum [32]byte

// noteKey is the key of a note's hashes.
type noteKey [32]byte

// blockSize is how many bytes of a content go through NH at once.
const blockSize = 16 << 10

// hasher makes hashes by one key. What it has of their keys grows as contents need it.
type hasher struct{ blocks, whole stream }

func newHasher(key noteKey) *hasher {
	h := &hasher{}
	h.seed(key)
	return h
}

func (h *hasher) seed(key noteKey) {
	h.blocks.seed(key)
	key[0] ^= 1
	h.whole.seed(key)
}

// stream is as much of a key's stream as was needed so far.
type stream struct {
	gen   rand.ChaCha8
	words []uint64
}

func (s *stream) seed(key noteKey) {
	s.gen.Seed(key)
	s.words = s.words[:0]
}

// toeplitz is by how many words the key of the second sum is behind that of the first.
const toeplitz = 2

// upTo is the key for n bytes.
func (s *stream) upTo(n int) []uint64 {
	n = (n+15)/16*2 + toeplitz
	if n > cap(s.words) {
		words := make([]uint64, len(s.words), max(n, 2*cap(s.words), 32))
		copy(words, s.words)
		s.words = words
	}
	for len(s.words) < n {
		s.words = append(s.words, s.gen.Uint64())
	}
	return s.words[:n]
}

// of is the hash of a content.
func (h *hasher) of(content []byte) sum {
	c := digest{hasher: h}
	c.add(content)
	return c.sum()
}

// ofValue is the hash of a variable's value: zero for an empty one.
func (h *hasher) ofValue(value string) sum {
	if value == "" {
		return sum{}
	}
	return h.of([]byte(value))
}

// digest is a hash in the making.
type digest struct {
	*hasher
	sums []byte // of the blocks
	size int64
}

// add goes on with a piece of the content: whole blocks, but for the last piece.
func (d *digest) add(piece []byte) {
	d.size += int64(len(piece))
	for len(piece) > 0 {
		n := min(len(piece), blockSize)
		d.sums = nh(d.sums, piece[:n], d.blocks.upTo(n))
		piece = piece[n:]
	}
}

// sum is the hash of what was added.
func (d *digest) sum() (s sum) {
	all := d.sums
	for shift := 0; shift < 64; shift += 8 {
		all = append(all, byte(d.size>>shift))
	}
	var last [len(s)]byte
	nh(last[:0], all, d.whole.upTo(len(all)))
	var gen rand.ChaCha8
	gen.Seed(last)
	for i := 0; i < len(s); i += 8 {
		word := gen.Uint64()
		for j := range 8 {
			s[i+j] = byte(word >> (8 * j))
		}
	}
	return s
}

// nh appends two sums of the products of the words of b, each with a word of the key added. What is
// missing to a pair of words is zero.
func nh(to, b []byte, key []uint64) []byte {
	var n0, n1 uint128
	for ; len(b) >= 32; b, key = b[32:], key[4:] {
		k, w := (*[6]uint64)(key), (*[32]byte)(b)
		x, y := littleEndian(w[0:8]), littleEndian(w[8:16])
		n0.addProduct(x+k[0], y+k[1])
		n1.addProduct(x+k[2], y+k[3])
		x, y = littleEndian(w[16:24]), littleEndian(w[24:32])
		n0.addProduct(x+k[2], y+k[3])
		n1.addProduct(x+k[4], y+k[5])
	}
	for ; len(b) > 0; b, key = b[min(16, len(b)):], key[2:] {
		var pair [16]byte
		copy(pair[:], b)
		x, y := littleEndian(pair[:8]), littleEndian(pair[8:])
		n0.addProduct(x+key[0], y+key[1])
		n1.addProduct(x+key[toeplitz], y+key[toeplitz+1])
	}
	for _, word := range [...]uint64{n0.low, n0.high, n1.low, n1.high} {
		for shift := 0; shift < 64; shift += 8 {
			to = append(to, byte(word>>shift))
		}
	}
	return to
}

type uint128 struct{ high, low uint64 }

func (n *uint128) addProduct(x, y uint64) {
	high, low := bits.Mul64(x, y)
	var carry uint64
	n.low, carry = bits.Add64(n.low, low, 0)
	n.high, _ = bits.Add64(n.high, high, carry)
}

// littleEndian is the word that b begins with; encoding/binary would bring reflect.
func littleEndian(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
