package direct

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
)

// nh is what the paper says: the sum of the products, modulo 2^128, by the key and by the key two words on.
func TestNHIsThatOfTheDefinition(t *testing.T) {
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	word := func(w uint64) *big.Int { return new(big.Int).SetUint64(w) }
	for size := range 300 {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		if size%3 == 0 {
			content = bytes.Repeat([]byte{0xff}, size) // everything is carried
		}
		h := newHasher(noteKey{byte(size), 3})
		key := h.blocks.upTo(size)
		padded := append(bytes.Clone(content), make([]byte, 16)...)
		var want []byte
		for lane := range 2 {
			total := new(big.Int)
			for i := 0; i < (size+15)/16*2; i += 2 {
				x := binary.LittleEndian.Uint64(padded[8*i:]) + key[i+2*lane]
				y := binary.LittleEndian.Uint64(padded[8*i+8:]) + key[i+2*lane+1]
				total.Add(total, new(big.Int).Mul(word(x), word(y)))
			}
			total.Mod(total, modulus)
			high := new(big.Int).Rsh(total, 64).Uint64()
			low := new(big.Int).And(total, word(1<<64-1)).Uint64()
			want = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(want, low), high)
		}
		if got := nh(nil, content, key); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: got %x, want %x", size, got, want)
		}
	}
}

// Every bit of a content counts, its length too, and so does the key.
func TestSumsDiffer(t *testing.T) {
	h := newHasher(noteKey{1})
	seen := map[sum]string{}
	add := func(what string, s sum) {
		t.Helper()
		if other, ok := seen[s]; ok {
			t.Errorf("%s and %s have one hash", what, other)
		}
		seen[s] = what
	}
	large := []byte(strings.Repeat("[profile dev]\n", 9*blockSize/14))
	for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, blockSize - 1, blockSize, blockSize + 1, 2 * blockSize, 2*blockSize + 1, len(large)} {
		zero := string(rune('0' + n%10))
		add("zeros "+zero, h.of(make([]byte, n)))
		if n > 0 {
			add("text "+zero, h.of(large[:n]))
		}
	}
	for i := 0; i < len(large); i += 997 {
		changed := bytes.Clone(large)
		changed[i] ^= 1 << (i % 8)
		add("changed", h.of(changed))
	}
	swapped := append(bytes.Clone(large[blockSize:2*blockSize]), large[:blockSize]...)
	add("swapped", h.of(append(swapped, large[2*blockSize:]...)))
	for bit := range 256 {
		key := noteKey{1}
		key[bit/8] ^= 1 << (bit % 8)
		add("another key", newHasher(key).of(large))
	}
}

// What is read piece by piece has the hash of the whole.
func TestSumOfPieces(t *testing.T) {
	h := newHasher(noteKey{9})
	content := bytes.Repeat([]byte("x1"), 3*blockSize)
	for _, size := range []int{blockSize, 2 * blockSize, 8 * blockSize} {
		d := digest{hasher: newHasher(noteKey{9})}
		for rest := content; ; {
			n := min(size, len(rest))
			d.add(rest[:n])
			if rest = rest[n:]; n < size {
				break
			}
		}
		if d.sum() != h.of(content) {
			t.Errorf("pieces of %d bytes", size)
		}
	}
}

// What is noted shows nothing that a sum of products would show: it is behind ChaCha8.
func TestSumsShowNoSums(t *testing.T) {
	h := newHasher(noteKey{})
	content := []byte("CANARYsecretCANARYsecretCANARYsecret")
	s := h.of(content)
	if inner := nh(nil, content, h.blocks.upTo(len(content))); bytes.Contains(s[:], inner[:8]) {
		t.Error("the hash has the sum in it")
	}
}

// Growing a key leaves what there was of it.
func TestKeysGrow(t *testing.T) {
	one, other := newHasher(noteKey{5}), newHasher(noteKey{5})
	one.blocks.upTo(blockSize)
	for _, n := range []int{16, 400, 5000, blockSize} {
		if string(nh(nil, make([]byte, n), one.blocks.upTo(n))) != string(nh(nil, make([]byte, n), other.blocks.upTo(n))) {
			t.Errorf("%d bytes", n)
		}
	}
}
