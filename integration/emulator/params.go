package emulator

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// shape is the model's rule for one kind of string: its length in UTF-16 units, as
// the service counts, and its pattern, as the service prints it.
type shape struct {
	min, max int // max 0: no limit
	pattern  string
	char     func(rune) bool // nil: anything
	nonEmpty bool            // the pattern ends in +
}

// param is one parameter of an operation. The list forms repeat as
// Name.member.N[.field].
type param struct {
	name     string // on the wire
	shape    shape
	required bool
	number   bool    // min and max of the shape bound the value
	list     int     // members at most; 0: not a list
	fields   []param // of the members; nil: the members are strings
}

const arnPattern = `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`

var (
	roleARN         = param{name: "RoleArn", shape: shape{20, 2048, arnPattern, isARNChar, true}}
	principalARN    = param{name: "PrincipalArn", shape: shape{20, 2048, arnPattern, isARNChar, true}}
	roleSessionName = param{name: "RoleSessionName", shape: shape{2, 64, `[\w+=,.@-]*`, isNameChar, false}}
	sourceIdentity  = param{name: "SourceIdentity", shape: shape{2, 64, `[\w+=,.@-]*`, isNameChar, false}}
	federationName  = param{name: "Name", shape: shape{2, 32, `[\w+=,.@-]*`, isNameChar, false}}
	policyText      = param{name: "Policy", shape: shape{1, 2048, `[\u0009\u000A\u000D\u0020-\u00FF]+`, isPolicyChar, true}}
	// longPolicy is AssumeRole's, for which the model has no maximum; the service has.
	longPolicy   = param{name: "Policy", shape: shape{1, 0, `[\u0009\u000A\u000D\u0020-\u00FF]+`, isPolicyChar, true}}
	externalID   = param{name: "ExternalId", shape: shape{2, 1224, `[\w+=,.@:\/-]*`, isExternalIDChar, false}}
	serialNumber = param{name: "SerialNumber", shape: shape{9, 256, `[\w+=/:,.@-]*`, isSerialChar, false}}
	tokenCode    = param{name: "TokenCode", shape: shape{6, 6, `[\d]*`, isDigit, false}}
	webToken     = param{name: "WebIdentityToken", shape: shape{min: 4, max: 20000}}
	providerID   = param{name: "ProviderId", shape: shape{min: 4, max: 2048}}
	samlResponse = param{name: "SAMLAssertion", shape: shape{min: 4, max: 100000}}
	targetRoot   = param{name: "TargetPrincipal", shape: shape{min: 12, max: 2048}}
	taskPolicy   = param{name: "TaskPolicyArn.arn", shape: shape{20, 2048, arnPattern, isARNChar, true}}
	description  = param{name: "ScopedSessionDescription", shape: shape{2, 256, `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`, isDescriptionChar, false}}
	minimumToken = param{name: "MinimumSessionTokenSize", number: true, shape: shape{min: 0, max: maxTokenSize}}
	audience     = param{name: "Audience", list: 10, shape: shape{min: 1, max: 1000}}
	jwtAlgorithm = param{name: "SigningAlgorithm", shape: shape{min: 5, max: 5}}
	accessKeyID  = param{name: "AccessKeyId", shape: shape{16, 128, `[\w]*`, isWord, false}}
	userName     = param{name: "UserName", shape: shape{1, 128, `[\w+=,.@-]+`, isNameChar, true}}
	keyStatus    = param{name: "Status", shape: shape{min: 1}}
	policyARNs   = param{name: "PolicyArns", list: 10, fields: []param{
		{name: "arn", shape: shape{20, 2048, arnPattern, isARNChar, true}}}}
	tagList = param{name: "Tags", list: 50, fields: []param{
		{name: "Key", required: true, shape: shape{1, 128, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, isTagChar, true}},
		{name: "Value", required: true, shape: shape{0, 256, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, isTagChar, false}}}}
	transitiveTagKeys = param{name: "TransitiveTagKeys", list: 50,
		shape: shape{1, 128, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, isTagChar, true}}
	providedContexts = param{name: "ProvidedContexts", list: 5, fields: []param{
		{name: "ProviderArn", shape: shape{20, 2048, arnPattern, isARNChar, true}},
		{name: "ContextAssertion", shape: shape{min: 4, max: 2048}}}}
)

func required(p param) param { p.required = true; return p }

func seconds(min, max int) param {
	return param{name: "DurationSeconds", number: true, shape: shape{min: min, max: max}}
}

func isWord(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
func isDigit(r rune) bool          { return '0' <= r && r <= '9' }
func isNameChar(r rune) bool       { return isWord(r) || strings.ContainsRune("+=,.@-", r) }
func isExternalIDChar(r rune) bool { return isNameChar(r) || r == ':' || r == '/' }
func isSerialChar(r rune) bool     { return isNameChar(r) || r == ':' || r == '/' }
func isPolicyChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xFF
}
func isDescriptionChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0x7E || 0xA1 <= r && r <= 0xFF
}
func isARNChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0x7E || r == 0x85 || 0xA0 <= r && r != utf8.RuneError
}
func isTagChar(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Z, unicode.N) || strings.ContainsRune("_.:/=+-@", r)
}

// checkParams judges every parameter of a request and reports all faults at once.
func checkParams(params []param, form url.Values) *apiError {
	var v violations
	for _, p := range params {
		if p.list > 0 {
			if err := p.checkList(form, &v); err != nil {
				return err
			}
			continue
		}
		value, there := "", form.Has(p.name)
		if there {
			value = form.Get(p.name)
		}
		where := locationOf(p.name)
		if !there {
			if p.required {
				v.nullAt(where)
			}
			continue
		}
		if p.number {
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return refuse(400, "MalformedInput", "Invalid integer value for %s", p.name)
			}
			if int(n) < p.shape.min {
				v.add("'"+value+"'", where, "Member must have value greater than or equal to "+strconv.Itoa(p.shape.min))
			}
			if int(n) > p.shape.max {
				v.add("'"+value+"'", where, "Member must have value less than or equal to "+strconv.Itoa(p.shape.max))
			}
			continue
		}
		p.shape.check(value, where, &v)
	}
	return v.err()
}

func (v *violations) nullAt(where string) {
	*v = append(*v, "Value null at '"+where+"' failed to satisfy constraint: Member must not be null")
}

func (s shape) check(value, where string, v *violations) {
	quoted := "'" + value + "'"
	n := 0
	for _, r := range value {
		n += max(1, utf16.RuneLen(r))
	}
	bad := s.nonEmpty && value == ""
	if s.char != nil {
		for _, r := range value {
			bad = bad || !s.char(r)
		}
	}
	if bad {
		v.add(quoted, where, "Member must satisfy regular expression pattern: "+s.pattern)
	}
	if n < s.min {
		v.add(quoted, where, "Member must have length greater than or equal to "+strconv.Itoa(s.min))
	}
	if s.max > 0 && n > s.max {
		v.add(quoted, where, "Member must have length less than or equal to "+strconv.Itoa(s.max))
	}
}

func (p param) checkList(form url.Values, v *violations) *apiError {
	members, err := listMembers(form, p.name)
	if err != nil {
		return err
	}
	where := locationOf(p.name)
	if len(members) > p.list {
		v.add("'["+strconv.Itoa(len(members))+" members]'", where, "Member must have length less than or equal to "+strconv.Itoa(p.list))
	}
	for i, m := range members {
		at := where + "." + strconv.Itoa(i+1) + ".member"
		if p.fields == nil {
			p.shape.check(m[""], at, v)
			continue
		}
		for _, f := range p.fields {
			value, there := m[f.name]
			if there {
				f.shape.check(value, at+"."+locationOf(f.name), v)
			} else if f.required {
				v.nullAt(at + "." + locationOf(f.name))
			}
		}
	}
	return nil
}

// listMembers collects Name.member.N and Name.member.N.field, which must count from
// one without a gap; field is "" for plain members.
func listMembers(form url.Values, name string) ([]map[string]string, *apiError) {
	found := map[int]map[string]string{}
	var order []int
	for key := range form {
		rest, ok := strings.CutPrefix(key, name+".member.")
		if !ok {
			continue
		}
		num, field, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(num)
		if err != nil || n < 1 || strconv.Itoa(n) != num {
			return nil, refuse(400, "MalformedInput", "Unexpected list element %s", key)
		}
		if found[n] == nil {
			found[n] = map[string]string{}
			order = append(order, n)
		}
		found[n][field] = form.Get(key)
	}
	slices.Sort(order)
	out := make([]map[string]string, 0, len(order))
	for i, n := range order {
		if n != i+1 {
			return nil, refuse(400, "MalformedInput", "List %s has no element %d", name, i+1)
		}
		out = append(out, found[n])
	}
	return out, nil
}

// locationOf is the model's name of a parameter, as validation errors print it.
func locationOf(wire string) string {
	return strings.ToLower(wire[:1]) + wire[1:]
}
