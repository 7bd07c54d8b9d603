package settings_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// BenchmarkLoad compares a home of two profiles with one of 5,000.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{2, 5000} {
		for _, kind := range []string{"static", "role"} {
			b.Run(fmt.Sprintf("profiles=%d/%s", n, kind), func(b *testing.B) {
				var config, credentials strings.Builder
				for i := range n {
					fmt.Fprintf(&config, "[profile p%d]\nrole_arn = arn:aws:iam::123456789012:role/p%d\nsource_profile = base\nregion = eu-west-1\noutput = json\n\n", i, i)
				}
				config.WriteString("[profile base]\nregion = eu-west-1\n")
				credentials.WriteString(baseKeys)
				w := newWorld(b).config(config.String()).credentials(credentials.String())
				f := flags("--source-profile=base")
				if kind == "role" {
					f = flags(fmt.Sprintf("--source-profile=p%d", n-1))
				}
				env := w.env()
				b.ReportAllocs()
				for b.Loop() {
					if _, err := settings.Load(f, env); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkConfigFile is what our own file adds.
func BenchmarkConfigFile(b *testing.B) {
	for _, n := range []int{2, 500} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			var text strings.Builder
			for i := range n {
				fmt.Fprintf(&text, "[profile.p%d]\nsource_profile = 'base'\nrole_arn = 'arn:aws:iam::123456789012:role/p%d'\nduration = '1h'\n\n", i, i)
			}
			w := newWorld(b).credentials(baseKeys).toml(text.String())
			f, env := flags("--profile=p1"), w.env()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := settings.Load(f, env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
