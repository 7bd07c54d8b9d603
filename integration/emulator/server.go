package emulator

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxBody is the largest request read: a SAML assertion of 100,000 characters,
// percent-encoded, with room to spare.
const maxBody = 1 << 20

// call is one request on its way through the emulator.
type call struct {
	http      *http.Request
	body      []byte
	form      url.Values
	op        string
	service   string // sts, ec2, iam, s3, or that of a route
	route     *route // of a JSON service
	chunks    bool   // each of the body's chunks is verified after the request
	now       time.Time
	requestID string
	who       principal // zero for unsigned operations
	region    string    // of the credential scope
	entry     *entry    // its line in the book
}

// reply is what goes back, before a fault bends it.
type reply struct {
	status int
	body   string
	result *result   // nil for an error
	err    *apiError // nil for a success
	kind   string    // content type; text/xml if empty
}

func (e *Emulator) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, adminPrefix) && e.adminEnabled() {
		e.serveAdmin(w, r)
		return
	}
	if e.servePage(w, r) || e.serveConsole(w, r) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	c := &call{http: r, body: body, now: e.Now(), requestID: newRequestID()}
	parseErr := c.parse()
	c.entry = e.book.arrive(c)
	defer e.book.leave(c.entry)

	plan := e.faults.take(c.op)
	if !e.before(w, c, plan) {
		return
	}
	rep := e.answer(c, parseErr)
	e.book.settle(c.entry, rep)
	if !e.faults.waitGate(c, e.closed) {
		panic(http.ErrAbortHandler)
	}
	e.after(w, c, plan, rep)
}

// parse reads the parameters and finds out which service is meant, without yet
// judging the signature.
func (c *call) parse() *apiError {
	if r, ok := routes[c.http.Method+" "+c.http.URL.Path]; ok {
		c.route, c.service, c.op = &r, r.service, r.op
		if s := scopeOf(c.http); len(s) == 5 {
			c.region = s[2]
		}
		return c.parseREST()
	}
	c.service = "sts"
	if s := scopeOf(c.http); isS3(s) {
		c.service, c.region, c.form = "s3", s[2], c.http.URL.Query()
		c.op, _, _ = s3Operation(c.http.Method, c.http.URL.Path)
		return nil
	}
	if s := scopeOf(c.http); len(s) == 5 {
		c.region = s[2]
		if s[3] == "ec2" || s[3] == "iam" {
			c.service = s[3]
		}
	}
	raw := c.http.URL.RawQuery
	switch c.http.Method {
	case http.MethodGet:
		if len(c.body) > 0 {
			return refuse(400, "MalformedInput", "a GET request has no body")
		}
	case http.MethodPost:
		media, _, _ := strings.Cut(c.http.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") {
			return refuse(404, "UnknownOperationException", "Content-Type %q is not application/x-www-form-urlencoded", media)
		}
		if raw != "" && len(c.body) > 0 {
			raw += "&"
		}
		raw += string(c.body)
	default:
		return refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return refuse(404, "MalformedQueryString", "The query string contains a syntax error")
	}
	c.form = form
	c.op = form.Get("Action")
	if c.http.URL.Path != "/" {
		return refuse(404, "UnknownOperationException", "There is no resource %s", c.http.URL.Path)
	}
	for name, values := range form {
		if len(values) > 1 {
			return refuse(400, "MalformedInput", "parameter %s is given %d times", name, len(values))
		}
	}
	return nil
}

// operation is one entry of the table of what the services can do.
type operation struct {
	version  string
	unsigned bool // must come without a signature
	params   []param
	run      func(*Emulator, *call) (*result, *apiError)
}

func (e *Emulator) answer(c *call, parseErr *apiError) reply {
	res, err := e.process(c, parseErr)
	if err != nil {
		return reply{status: err.status, body: err.document(c.service, c.requestID), err: err}
	}
	return reply{status: cmp.Or(res.status, 200), body: res.document(c.op, c.requestID), result: res}
}

func (e *Emulator) process(c *call, parseErr *apiError) (*result, *apiError) {
	if parseErr != nil {
		return nil, parseErr
	}
	if c.route != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		return c.route.run(e, c)
	}
	if c.service == "s3" {
		e.mu.Lock()
		defer e.mu.Unlock()
		if err := e.authenticate(c); err != nil {
			return nil, err
		}
		return e.serveS3(c)
	}
	if c.op == "" {
		return nil, refuse(400, "MissingAction", "The request is missing an action or a required parameter.")
	}
	o, ok := operations(c.service)[c.op]
	if !ok || c.form.Get("Version") != o.version {
		if c.service == "ec2" {
			return nil, refuse(400, "InvalidAction", "The action %s is not valid for this web service.", c.op)
		}
		return nil, refuse(400, "InvalidAction", "Could not find operation %s for version %s", c.op, orNone(c.form.Get("Version")))
	}
	// One lock for the whole operation: a code is burnt and its token made in one step,
	// however many connections there are. Nothing below waits for a client.
	e.mu.Lock()
	defer e.mu.Unlock()
	if o.unsigned {
		if isSigned(c.http) {
			return nil, denied("Not authorized to perform sts:%s: this operation is called without a signature", c.op)
		}
	} else if err := e.authenticate(c); err != nil {
		return nil, err
	}
	if err := e.regionEnabled(c); err != nil {
		return nil, err
	}
	if err := checkParams(o.params, c.form); err != nil {
		return nil, err
	}
	return o.run(e, c)
}

// regionEnabled refuses where the account has switched STS off. The account is the
// caller's, or for unsigned calls the role's.
func (e *Emulator) regionEnabled(c *call) *apiError {
	account := c.who.account()
	if account == "" {
		if a, ok := parseARN(c.form.Get("RoleArn")); ok {
			account = a.account
		}
	}
	a := e.accounts[account]
	if a == nil || c.service != "sts" {
		return nil
	}
	if slices.Contains(a.DisabledRegions, c.region) {
		return refuse(403, "RegionDisabledException", "STS is not activated in this region for account:%s. Your account administrator can activate STS in this region using the IAM Console.", a.ID)
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "NO_VERSION_SPECIFIED"
	}
	return s
}

func containsFold(s, sub string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(sub))
}
