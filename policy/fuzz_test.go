package policy_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sts-helper/sts-helper/policy"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		denyAll, doc(good), doc(`{}`), doc(`{"Effect":"Allow","NotAction":["a:b"],"NotResource":"arn:aws:s3:::x","Condition":{"Bool":{"a:b":[1,true,"x"]}},"Sid":"A"}`),
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::\u6f22\ud83d\ude00é\u007f\/"}]}`,
		"", "{", "[]", "null", `"\ud800"`, "{\"a\":1,\"a\":2}", "\xef\xbb\xbf{}", "{\"\xff\":0}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := policy.Parse(in)
		for _, finding := range policy.Check(in) {
			if finding.Line < 1 || finding.Column < 1 || finding.Message == "" || strings.ContainsAny(finding.String(), "\n\x1b") {
				t.Errorf("finding %+v", finding)
			}
		}
		compact, compactErr := policy.Compact(in)
		if compactErr == nil {
			// What is compacted is JSON that says the same, within the pattern, and no longer changes.
			a, errA := decode(in)
			b, errB := decode(compact)
			if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("Compact(%q) = %q says something else", in, compact)
			}
			if again, err := policy.Compact(compact); err != nil || !bytes.Equal(again, compact) {
				t.Errorf("Compact(%q) = %q, %v", compact, again, err)
			}
			if utf8.RuneCount(compact) > utf8.RuneCount(in) {
				t.Errorf("Compact made %q longer: %q", in, compact)
			}
			for _, r := range string(compact) {
				if r > 0xff || r < ' ' {
					t.Errorf("Compact(%q) has %U", in, r)
				}
			}
		} else if err == nil {
			t.Errorf("Parse takes %q and Compact does not: %v", in, compactErr)
		}
		if err != nil {
			if !p.IsZero() {
				t.Errorf("an error and a policy: %s", p)
			}
			return
		}
		again, err := policy.Parse(p.JSON())
		if err != nil || again.String() != p.String() || p.String() != string(compact) || p.Len() > policy.MaxLength {
			t.Errorf("%q parses to %q and that to %q, %v", in, p, again, err)
		}
		if !reflect.DeepEqual(p.Statements(), again.Statements()) {
			t.Errorf("%q: statements change on the second reading", in)
		}
		if pretty, err := policy.Parse([]byte(p.Pretty())); err != nil || pretty.String() != p.String() {
			t.Errorf("%q: Pretty is another policy: %v", in, err)
		}
	})
}

// decode keeps numbers as they are written: a policy may have one that no float64 holds.
func decode(in []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func FuzzBuilder(f *testing.F) {
	f.Add("ec2:run_instances", "ec2:Describe*", "arn:aws:s3:::b")
	f.Add("*", "", "*")
	f.Add("a:_", "x:\xff", "arn:a:b:::\xff漢\"")
	f.Fuzz(func(t *testing.T, allow, deny, resource string) {
		p, err := policy.New().Allow(allow).Deny(deny).Resource(resource).Build()
		if (err == nil) == p.IsZero() {
			t.Fatalf("policy %q, error %v", p, err)
		}
		if err != nil {
			return
		}
		if again, err := policy.Parse(p.JSON()); err != nil || again.String() != p.String() {
			t.Errorf("built %q, read %q, %v", p, again, err)
		}
	})
}
