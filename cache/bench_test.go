package cache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// BenchmarkHit is what nearly every call does. It must not depend on how many records there
// are.
func BenchmarkHit(b *testing.B) {
	for _, records := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			c, s := open(b), newSource("dev", 12*time.Hour)
			mustGet(b, c, s.want())
			data := read(b, cache.RecordPath(c, s.key))
			for n := 1; n < records; n++ {
				write(b, cache.RecordPath(c, key(fmt.Sprint(n))), data)
			}
			b.ReportAllocs()
			for b.Loop() {
				if a, err := c.Get(b.Context(), s.want()); err != nil || a.Origin != cache.Hit {
					b.Fatal(a.Origin, err)
				}
			}
		})
	}
}

// BenchmarkOpenAndHit is the same for a process that does it once.
func BenchmarkOpenAndHit(b *testing.B) {
	c, s := open(b), newSource("dev", 12*time.Hour)
	mustGet(b, c, s.want())
	for b.Loop() {
		c, err := cache.Open(c.Path())
		if err != nil {
			b.Fatal(err)
		}
		if a, err := c.Get(b.Context(), s.want()); err != nil || a.Origin != cache.Hit {
			b.Fatal(a.Origin, err)
		}
		_ = c.Close()
	}
}

// BenchmarkRefresh is lock, write, sync and rename around a source that costs nothing.
func BenchmarkRefresh(b *testing.B) {
	c, s := open(b), newSource("dev", 12*time.Hour)
	w := s.want()
	w.Renew = true
	for b.Loop() {
		mustGet(b, c, w)
	}
}

// BenchmarkKey is one request's key.
func BenchmarkKey(b *testing.B) {
	in := inputs()
	for b.Loop() {
		_ = cache.NewKey(in...).String()
	}
}

// BenchmarkEntries is what listing all records costs.
func BenchmarkEntries(b *testing.B) {
	c := open(b)
	for n := range 1000 {
		k := key(fmt.Sprint(n))
		if err := c.Store(k, tok(k, 0, time.Hour), false); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if all, err := entriesOf(c); err != nil || len(all) != 1000 {
			b.Fatal(len(all), err)
		}
	}
}
