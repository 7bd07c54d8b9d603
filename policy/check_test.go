package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/policy"
)

// doc is a policy with one statement, of which part replaces or adds to what is needed.
func doc(statement string) string {
	return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
}

const good = `{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}`

func TestCheck(t *testing.T) {
	with := func(extra string) string {
		return doc(`{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*",` + extra + `}`)
	}
	action := func(a string) string { return doc(`{"Effect":"Allow","Action":` + a + `,"Resource":"*"}`) }
	resource := func(r string) string { return doc(`{"Effect":"Allow","Action":"s3:*","Resource":` + r + `}`) }
	tests := []struct {
		name, in string
		want     []string // every finding, in order
	}{
		{"good", doc(good), nil},
		{"one statement without an array", `{"Version":"2012-10-17","Statement":` + good + `}`, nil},
		{"everything the language has", `{"Version":"2012-10-17","Id":"x","Statement":[` +
			`{"Sid":"A1","Effect":"Allow","NotResource":["arn:aws:s3:::b"],"Action":["s3:Get*","s3:?et*"],"Condition":{"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["a",1,true]},"Bool":{"aws:MultiFactorAuthPresent":"true"}}},` +
			`{"Effect":"Deny","NotAction":"iam:*","Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/${aws:username}"}]}`, nil},

		{"nothing", " \n", []string{"1:1: error: there is no policy here"}},
		{"byte order mark", "\xef\xbb\xbf{}", []string{"1:1: error: there is a byte order mark"}},
		{"trailing comma", "{\n  \"Version\": \"2012-10-17\",\n}", []string{"3:1: error: not valid JSON: invalid character '}'"}},
		{"cut short", `{"Version":`, []string{"1:12: error: not valid JSON: unexpected end"}},
		{"two documents", doc(good) + "{}", []string{"1:101: error: not valid JSON: invalid character '{'"}},
		{"not UTF-8", "{\"\xff\":1}", []string{"1:3: error: byte 0xff is not UTF-8"}},
		{"character outside the pattern", "{\n \"Id\":\"é漢\"}", []string{`2:9: error: STS takes characters up to U+00FF only, and this is U+6F22: write it as \u6f22`}},
		{"half a pair", `{"Version":"2012-10-17","Id":"\ud83d","Statement":` + good + `}`, []string{"1:30: error: Id: an escape here is no character"}},
		{"not an object", `[1]`, []string{"1:1: error: a policy is a JSON object, and this is an array"}},
		{"too deep", strings.Repeat("[", 40) + strings.Repeat("]", 40), nil}, // looked at below

		{"no version", `{"Statement":` + good + `}`, []string{"1:1: warning: Version: is missing"}},
		{"old version", `{"Version":"2008-10-17","Statement":` + good + `}`, []string{"1:12: warning: Version: 2008-10-17 leaves"}},
		{"today is no version", `{"Version":"2026-11-23","Statement":` + good + `}`, []string{`1:12: error: Version: must be the string "2012-10-17"`}},
		{"number as version", `{"Version":1,"Statement":` + good + `}`, []string{"1:12: error: Version: must be the string"}},
		{"id of the wrong type", `{"Version":"2012-10-17","Id":1,"Statement":` + good + `}`, []string{"1:30: error: Id: must be a string, not a number"}},
		{"no statement", `{"Version":"2012-10-17"}`, []string{"1:1: error: Statement: is missing"}},
		{"empty statements", `{"Version":"2012-10-17","Statement":[]}`, []string{"1:37: error: Statement: is empty"}},
		{"statement of the wrong type", `{"Version":"2012-10-17","Statement":"x"}`, []string{"1:37: error: Statement: must be an object or an array"}},
		{"statement in the array of the wrong type", `{"Version":"2012-10-17","Statement":[` + good + `,7]}`, []string{"1:100: error: Statement[1]: a statement is an object, and this is a number"}},
		{"key twice", with(`"Effect":"Deny"`), []string{"1:99: error: Statement[0].Effect: is here twice (first on line 1)"}},
		{"typing error", with(`"Resorce":"*"`), []string{"1:99: error: Statement[0].Resorce: is not an element of the policy language; did you mean \"Resource\"?"}},
		{"lower case", doc(`{"effect":"Allow","Action":"s3:*","Resource":"*"}`), []string{"1:38: error: Statement[0].Effect: is missing", "1:39: error: Statement[0].effect: is not an element of the policy language; did you mean \"Effect\"?"}},
		{"nothing near", with(`"Zzzzzzzz":1`), []string{"error: Statement[0].Zzzzzzzz: is not an element of the policy language"}},
		{"a statement's element at the top", `{"Version":"2012-10-17","Effect":"Allow","Statement":` + good + `}`, []string{"error: Effect: belongs inside a statement"}},
		{"the policy's element in a statement", with(`"Version":"2012-10-17"`), []string{"error: Statement[0].Version: belongs to the policy"}},
		{"principal", with(`"Principal":"*"`), []string{"error: Statement[0].Principal: a session policy has no Principal"}},
		{"not principal", with(`"NotPrincipal":{"AWS":"*"}`), []string{"error: Statement[0].NotPrincipal: a session policy has no NotPrincipal"}},

		{"nothing in a statement", doc(`{}`), []string{"Statement[0].Effect: is missing", "Statement[0].Action: is missing", "Statement[0].Resource: is missing"}},
		{"effect in capitals", doc(`{"Effect":"ALLOW","Action":"s3:*","Resource":"*"}`), []string{`Statement[0].Effect: must be "Allow" or "Deny", written exactly so, not "ALLOW"`}},
		{"effect of the wrong type", doc(`{"Effect":true,"Action":"s3:*","Resource":"*"}`), []string{`must be "Allow" or "Deny", not a bare word`}},
		{"action and not action", with(`"NotAction":"s3:*"`), []string{"error: Statement[0].NotAction: is there beside Action", "warning: Statement[0].NotAction: allows every action of every service but these"}},
		{"resource and not resource", with(`"NotResource":"arn:aws:s3:::b"`), []string{"error: Statement[0].NotResource: is there beside Resource"}},
		{"sid with a blank", with(`"Sid":"my statement"`), []string{`Sid: "my statement" may only have letters and digits`}},
		{"sid of the wrong type", with(`"Sid":1`), []string{"Sid: must be a string, not a number"}},
		{"sid twice", doc(`{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"}`), []string{`Statement[1].Sid: "A" names an earlier statement already`}},
		{"empty sids are none", doc(`{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"","Effect":"Deny","Action":"s3:*","Resource":"*"}`), nil},
		{"deny only", doc(`{"Effect":"Deny","Action":"s3:*","Resource":"*"}`), []string{"1:1: warning: no statement allows anything"}},
		{"allow all", action(`"*"`), []string{"1:38: warning: Statement[0]: allows every action on every resource"}},
		{"allow not action", doc(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`), []string{"warning: Statement[0].NotAction: allows every action of every service but these"}},
		{"deny not action", doc(good + `,{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}`), nil},

		{"action of the wrong type", action(`{"a":1}`), []string{"Action: must be a string or an array of strings, not an object"}},
		{"no actions", action(`[]`), []string{"Action: is an empty array"}},
		{"null among actions", action(`["s3:*",null]`), []string{"1:73: error: Statement[0].Action[1]: must be a string, not a bare word"}},
		{"same action twice", action(`["s3:*","s3:*"]`), []string{`warning: Statement[0].Action[1]: "s3:*" is here twice`}},
		{"action without colon", action(`"RunInstances"`), []string{`Action: action "RunInstances" has no service prefix: write it as "ec2:RunInstances"`}},
		{"blank action", action(`" "`), []string{"a blank action matches nothing"}},
		{"blank in an action", action(`"ec2: RunInstances"`), []string{"has a blank in it"}},
		{"no service", action(`":RunInstances"`), []string{"has no service before the colon"}},
		{"wildcard in the service", action(`"ec*:RunInstances"`), []string{"has a wildcard in its service"}},
		{"wildcard for the service", action(`"*:*"`), []string{`write "*" for everything`}},
		{"bad service", action(`"ec2_x:RunInstances"`), []string{"a service prefix has only letters, digits and hyphens"}},
		{"no name", action(`"ec2:"`), []string{`write "ec2:*" for all of them`}},
		{"bad name", action(`"ec2:Run/Instances"`), []string{"has a character that no action name has"}},
		{"two colons", action(`"ec2:Run:Instances"`), []string{"has a character that no action name has"}},
		{"underscore", action(`"ec2:run_instances"`), []string{`warning: Statement[0].Action: action "ec2:run_instances": action names are letters and digits`}},

		{"no resources", resource(`[]`), []string{"Resource: is an empty array"}},
		{"resource of the wrong type", resource(`1`), []string{"Resource: must be a string or an array of strings, not a number"}},
		{"resource that is no ARN", resource(`"my-bucket"`), []string{`Resource: resource "my-bucket" is neither "*" nor an ARN`}},
		{"blank resource", resource(`""`), []string{"a blank resource matches nothing"}},
		{"blanks around", resource(`"arn:aws:s3:::b "`), []string{"has blanks around it"}},
		{"short ARN", resource(`"arn:aws:s3:::"`), []string{"names nothing after its fifth colon"}},
		{"parts missing", resource(`"arn:aws:s3:b"`), []string{"has 4 of an ARN's six parts"}},
		{"no partition", resource(`"arn::s3:::b"`), []string{"the partition (second part) is empty"}},
		{"odd partition", resource(`"arn:a/b:s3:::b"`), []string{"the partition (second part) is not a name"}},
		{"no service in the ARN", resource(`"arn:aws::::b"`), []string{"the service (third part) is empty"}},
		{"ARN wildcards", resource(`["arn:*:s3:::b","arn:aws:ec2:*:*:instance/*"]`), nil},

		{"condition is a string", with(`"Condition":"x"`), []string{"Condition: must be an object of operators, not a string"}},
		{"condition is flat", with(`"Condition":{"StringEquals":"x"}`), []string{"Condition.StringEquals: must be an object of condition keys, not a string"}},
		{"condition is empty", with(`"Condition":{}`), []string{"warning: Statement[0].Condition: is empty"}},
		{"operator is empty", with(`"Condition":{"Bool":{}}`), []string{"warning: Statement[0].Condition.Bool: is empty"}},
		{"unknown operator", with(`"Condition":{"StringEqual":{"aws:a":"x"}}`), []string{"warning: Statement[0].Condition.StringEqual: \"StringEqual\" is not a condition operator this program knows; did you mean \"StringEquals\"?"}},
		{"operator near nothing", with(`"Condition":{"Qqqqqq":{"aws:a":"x"}}`), []string{"is not a condition operator this program knows"}},
		{"condition key", with(`"Condition":{"Bool":{"SourceIp":"x"}}`), []string{`"SourceIp" is not a condition key`}},
		{"condition value", with(`"Condition":{"Bool":{"aws:a":{}}}`), []string{"Condition.Bool.aws:a: must be a string, number or boolean"}},
		{"null condition value", with(`"Condition":{"Bool":{"aws:a":null}}`), []string{"must be a string, number or boolean"}},
		{"nested condition value", with(`"Condition":{"Bool":{"aws:a":[[]]}}`), []string{"has a value that is no string, number or boolean"}},
		{"no condition values", with(`"Condition":{"Bool":{"aws:a":[]}}`), []string{"warning: Statement[0].Condition.Bool.aws:a: is an empty array"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := policy.Check([]byte(tt.in))
			if tt.name == "too deep" {
				if len(got) == 0 || !strings.Contains(fmt.Sprint(got), "nested more than 32 deep") {
					t.Errorf("got %v", got)
				}
				return
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %d findings %q, want %d %q", len(got), got, len(tt.want), tt.want)
			}
			failed := false
			for i, f := range got {
				failed = failed || f.Severity == policy.SeverityError
				if !strings.Contains(f.String(), tt.want[i]) {
					t.Errorf("finding %d is %q, want %q", i, f, tt.want[i])
				}
			}
			p, err := policy.Parse([]byte(tt.in))
			if (err != nil) != failed || p.IsZero() != failed {
				t.Errorf("Parse says %v for findings %q", err, got)
			}
			if err == nil && len(p.Warnings()) != len(tt.want) {
				t.Errorf("warnings %q, want %q", p.Warnings(), tt.want)
			}
		})
	}
}

func TestPositionsOverLines(t *testing.T) {
	in := "{\r\n\t\"Version\": \"2012-10-17\",\r\n\t\"Statement\": [{\r\n\t\t\"Sid\": \"é é\", \"Effect\": \"Permit\",\r\n\t\t\"Action\": [\"ec2:A\",\r\n\t\t\t\"B\"],\r\n\t\t\"Resource\": \"*\"\r\n\t}]\r\n}\r\n"
	var got []string
	for _, f := range policy.Check([]byte(in)) {
		got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Path))
	}
	want := "[4:10 Statement[0].Sid 4:27 Statement[0].Effect 6:4 Statement[0].Action[1]]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSizeOfSource(t *testing.T) {
	for _, tt := range []struct {
		size int
		ok   bool
	}{{64<<10 - 1, true}, {64 << 10, true}, {64<<10 + 1, false}} {
		in := doc(good)
		in += strings.Repeat(" ", tt.size-len(in))
		if _, err := policy.Parse([]byte(in)); (err == nil) != tt.ok {
			t.Errorf("%d bytes: %v", tt.size, err)
		}
	}
}

// However much is wrong, the findings are bounded, and no error is lost behind warnings.
func TestManyFindings(t *testing.T) {
	list := strings.Repeat(`"a:b",`, 9000)
	got := policy.Check([]byte(doc(`{"Effect":"Allow","Action":[` + list + `"nocolon","neither"],"Resource":"*"}`)))
	errs := 0
	for _, f := range got {
		if f.Severity == policy.SeverityError {
			errs++
		}
	}
	if len(got) != 101 || errs != 1 {
		t.Errorf("%d findings, %d of them errors", len(got), errs)
	}
	for _, in := range []string{strings.Repeat("[", 9000) + strings.Repeat("]", 9000), strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)} {
		if got := policy.Check([]byte(in)); len(got) != 1 || !strings.Contains(got[0].Message, "nested more than 32 deep") {
			t.Errorf("%d findings: %.200v", len(got), got)
		}
	}
}

func TestErrorIsOneLineAndShort(t *testing.T) {
	for _, in := range []string{
		doc(`{"Effect":"` + strings.Repeat("x", 5000) + `\n\u001b[31m","Action":"s3:*","Resource":"*"}`),
		doc(`{"` + strings.Repeat("y", 5000) + `\n":1}`),
		doc(`{"Effect":"Allow","Action":"a\nb","Resource":"\u0007"}`),
	} {
		_, err := policy.Parse([]byte(in))
		if err == nil {
			t.Fatal("no error")
		}
		if s := err.Error(); len(s) > 400 || strings.ContainsAny(s, "\n\x1b\a") {
			t.Errorf("error of %d characters: %q", len(s), s)
		}
	}
}

func TestCompact(t *testing.T) {
	for in, want := range map[string]string{
		" { \"b\" : [ 1.50 , true , null ] ,\n \"a\" : { } } ": `{"b":[1.50,true,null],"a":{}}`,
		`"\u0041\/\u00e9\u0022\\\u000a\ud83d\ude00\u6f22<&>"`:  `"A/é\"\\\n\ud83d\ude00\u6f22<&>"`,
		`{"":""}`:   `{"":""}`,
		`"\u0000"`:  `"\u0000"`,
		"\"\x7f\"":  "\"\x7f\"",
		`-1.0e+5`:   `-1.0e+5`,
		`[[],[[]]]`: `[[],[[]]]`,
	} {
		got, err := policy.Compact([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("Compact(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "{", `{"a":1,"a":2}`, "[1,]", `"漢"`, "1 2"} {
		if got, err := policy.Compact([]byte(in)); err == nil {
			t.Errorf("Compact(%q) = %q", in, got)
		}
	}
}

func TestStatements(t *testing.T) {
	p, err := policy.Parse([]byte(doc(`{"Sid":"A","Effect":"Allow","Action":["s3:Get*","s3:Put*"],"Resource":"*","Condition":{"Bool":{"aws:a":true}}},{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::b"}`)))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", p.Statements())
	want := "[{Sid:A Effect:Allow Action:[s3:Get* s3:Put*] NotAction:[] Resource:[*] NotResource:[] Conditional:true}" +
		" {Sid: Effect:Deny Action:[] NotAction:[iam:*] Resource:[] NotResource:[arn:aws:s3:::b] Conditional:false}]"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	p.Statements()[0].Sid = "changed"
	if p.Statements()[0].Sid != "A" {
		t.Error("a caller can change the policy's statements")
	}
}
