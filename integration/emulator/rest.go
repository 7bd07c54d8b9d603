package emulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"strings"
)

// route is an operation of a service that speaks REST with JSON: IAM Identity Center's
// portal and token service, AWS Sign-In, IAM Roles Anywhere, and GitHub's for the tokens
// of jobs. Such a request is known by
// its method and path.
type route struct {
	service string
	op      string
	run     func(*Emulator, *call) (*result, *apiError)
}

// routes are the JSON operations, as the service models bind them.
var routes = map[string]route{
	"GET /federation/credentials": {"sso", "GetRoleCredentials", (*Emulator).getRoleCredentials},
	"GET /assignment/accounts":    {"sso", "ListAccounts", (*Emulator).listAccounts},
	"GET /assignment/roles":       {"sso", "ListAccountRoles", (*Emulator).listAccountRoles},
	"POST /logout":                {"sso", "Logout", (*Emulator).logout},
	"POST /client/register":       {"sso-oidc", "RegisterClient", (*Emulator).registerClient},
	"POST /device_authorization":  {"sso-oidc", "StartDeviceAuthorization", (*Emulator).startDeviceAuthorization},
	"POST /token":                 {"sso-oidc", "CreateToken", (*Emulator).createToken},
	"POST /v1/token":              {"signin", "CreateOAuth2Token", (*Emulator).createOAuth2Token},
	"POST /sessions":              {"rolesanywhere", "CreateSession", (*Emulator).createSession},
	"GET /github/idtoken":         {"github", "GetIDToken", (*Emulator).getIDToken},
}

// isJSON says whether a service answers in JSON.
func isJSON(service string) bool {
	switch service {
	case "sts", "iam", "ec2", "s3":
		return false
	}
	return true
}

// parseREST reads the members of a JSON request into the form, where those of a GET
// request are already: strings and numbers as text, a list as repeated values.
func (c *call) parseREST() *apiError {
	query, err := url.ParseQuery(c.http.URL.RawQuery)
	if err != nil {
		return malformed(c.service, "the query string contains a syntax error")
	}
	c.form = query
	for name, values := range query {
		if len(values) > 1 {
			return malformed(c.service, "parameter "+name+" is given more than once")
		}
	}
	if c.http.Method == "GET" {
		if len(c.body) > 0 {
			return malformed(c.service, "a GET request has no body")
		}
		return nil
	}
	if c.op == "Logout" {
		return nil // has no members, and no body worth reading
	}
	media, _, _ := strings.Cut(c.http.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return malformed(c.service, "Content-Type is not application/json")
	}
	members, ok := readObject(c.body)
	if !ok {
		return malformed(c.service, "the body is not one JSON object whose names differ")
	}
	for name, value := range members {
		if query.Has(name) {
			return malformed(c.service, "member "+name+" is in the query and in the body")
		}
		texts, ok := memberTexts(value)
		if !ok {
			return malformed(c.service, "member "+name+" has the wrong type")
		}
		if texts != nil {
			c.form[name] = texts
		}
	}
	return nil
}

// readObject reads exactly one JSON object and refuses a name given twice.
func readObject(text []byte) (map[string]any, bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	members := map[string]any{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, false
		}
		if _, twice := members[name.(string)]; twice {
			return nil, false
		}
		members[name.(string)] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	_, err := dec.Token()
	return members, err == io.EOF
}

// memberTexts is a member's value as text; nil for null and for an empty map.
func memberTexts(v any) ([]string, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case json.Number:
		return []string{v.String()}, true
	case map[string]any:
		return nil, len(v) == 0
	case []any:
		texts := make([]string, 0, len(v))
		for _, m := range v {
			s, ok := m.(string)
			if !ok {
				return nil, false
			}
			texts = append(texts, s)
		}
		return texts, true
	}
	return nil, false
}

// malformed refuses what is no request of the service at all.
func malformed(service, why string) *apiError {
	switch service {
	case "sso-oidc":
		return oauthError("InvalidRequestException", "%s", why)
	case "signin":
		return signinError(400, "ValidationException", "INVALID_REQUEST", "%s", why)
	case "rolesanywhere":
		return refuse(400, "ValidationException", "%s", why)
	}
	return refuse(400, "InvalidRequestException", "%s", why)
}

// throttled is how a service says that there were too many requests.
func throttled(service string) *apiError {
	switch service {
	case "ec2":
		return refuse(503, "RequestLimitExceeded", "Request limit exceeded.")
	case "sso":
		return refuse(429, "TooManyRequestsException", "HTTP 429 Unknown Code")
	case "sso-oidc":
		return oauthError("SlowDownException", "Too many requests")
	case "signin":
		return signinError(429, "TooManyRequestsError", "rate_exceeded", "Too many requests")
	case "rolesanywhere":
		return refuse(429, "ThrottlingException", "Rate exceeded")
	}
	return refuse(400, "Throttling", "Rate exceeded")
}

// jsonDocument is the body of an error answer of a JSON service.
func (e *apiError) jsonDocument(service string) string {
	doc := map[string]string{"__type": e.code}
	switch service {
	case "sso-oidc":
		doc["error"], doc["error_description"] = e.detail, e.message
		if e.detail == "" {
			doc["error"] = oauthErrors[e.code]
		}
	default:
		doc["message"] = e.message
		if e.detail != "" {
			doc["error"] = e.detail
		}
	}
	return jsonText(doc)
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return string(b)
}
