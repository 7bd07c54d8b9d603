package sts_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

func debugTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Every code that STS is known to answer: its class, and what the user is told to do.
func TestClasses(t *testing.T) {
	t.Parallel()
	role := valid(token.AssumeRole)
	for _, c := range []struct {
		r             sts.Request
		status        int
		code, message string
		class         sts.Class
		final         bool
		next          string
	}{
		{plain, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials", sts.SourceRejected, true, "access key of an IAM user"},
		{withCode, 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", sts.MFARejected, true, "next code"},
		{withCode, 403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.", sts.MFARejected, true, "serial number"},
		{role, 403, "AccessDenied", "Roles may not be assumed by root accounts.", sts.Denied, true, "IAM user"},
		{role, 403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRole", sts.Denied, true, "trust"},
		{valid(token.GetFederationToken), 403, "AccessDenied", "x", sts.Denied, true, "sts:GetFederationToken"},
		{valid(token.AssumeRoot), 403, "AccessDenied", "x", sts.Denied, true, "sts:AssumeRoot"},
		{valid(token.AssumeRoleWithWebIdentity), 403, "AccessDenied", "x", sts.Denied, true, "identity provider"},
		{role, 400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", sts.Invalid, true, "1h at most"},
		{role, 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", sts.Invalid, true, "maximum session duration"},
		{role, 400, "MalformedPolicyDocument", "x", sts.Invalid, true, "correct the policy"},
		{role, 400, "PackedPolicyTooLarge", "x", sts.Invalid, true, "shorter"},
		{role, 400, "PackedPolicyTooLarge", "Packed size of session tags consumes 142% of allotted space.", sts.Invalid, true, "fewer policy ARNs and tags"},
		{role, 403, "RegionDisabledException", "x", sts.Invalid, true, "another region"},
		{role, 400, "InvalidAction", "x", sts.Invalid, true, ""},
		{role, 400, "InvalidParameterValue", "x", sts.Invalid, true, ""},
		{role, 403, "InvalidClientTokenId", "The security token included in the request is invalid.", sts.SourceRejected, true, "access key id"},
		{role, 403, "ExpiredToken", "x", sts.SourceRejected, true, "renew"},
		{role, 400, "ExpiredTokenException", "x", sts.SourceRejected, true, "renew"},
		{role, 403, "SignatureDoesNotMatch", "x", sts.SourceRejected, true, "secret access key"},
		{role, 403, "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than", sts.ClockWrong, false, "clock"},
		{role, 403, "SignatureDoesNotMatch", "Signature not yet current: x", sts.ClockWrong, false, "clock"},
		{role, 400, "RequestExpired", "x", sts.ClockWrong, false, "clock"},
		{role, 403, "MissingAuthenticationToken", "x", sts.SourceRejected, true, "source credentials"},
		{valid(token.AssumeRoleWithWebIdentity), 400, "ExpiredTokenException", "x", sts.SourceRejected, true, "new web identity token"},
		{valid(token.AssumeRoleWithWebIdentity), 400, "InvalidIdentityToken", "x", sts.SourceRejected, true, "new web identity token"},
		{valid(token.AssumeRoleWithWebIdentity), 403, "IDPRejectedClaim", "x", sts.SourceRejected, true, "new web identity token"},
		{valid(token.AssumeRoleWithWebIdentity), 400, "IDPCommunicationError", "x", sts.Unavailable, false, "try again"},
		{valid(token.AssumeRoleWithSAML), 400, "InvalidIdentityToken", "x", sts.SourceRejected, true, "sign in again"},
		{role, 400, "Throttling", "Rate exceeded", sts.Throttled, false, "a minute"},
		{role, 500, "InternalFailure", "x", sts.Unavailable, false, "another region"},
		{role, 503, "ServiceUnavailable", "x", sts.Unavailable, false, "another region"},
		{role, 500, "SomethingNew", "x", sts.Unavailable, false, ""},
	} {
		t.Run(c.code+" "+c.message, func(t *testing.T) {
			t.Parallel() // those that are tried again wait in between
			f := serve(t, answers(c.status, refusal(c.code, c.message)))
			_, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), c.r, keys())
			if e == nil || e.Class != c.class || e.Final() != c.final || e.Code != c.code || e.HTTPStatus != c.status {
				t.Fatalf("%+v", e)
			}
			_, next, _ := strings.Cut(e.Error(), "; ")
			if !strings.Contains(next, c.next) {
				t.Errorf("next is %q", next)
			}
		})
	}
}

// The clock is named when it explains the failure, and only then.
func TestSkew(t *testing.T) {
	t.Parallel()
	date := func(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(d).UTC().Format(http.TimeFormat))
			h(w, r)
		}
	}
	refused := answers(403, refusal("SignatureDoesNotMatch", "x"))
	expired := without(func(s *said) { s.Expires = at(-time.Hour) })
	for _, c := range []struct {
		h     http.HandlerFunc
		class sts.Class
		text  string
	}{
		{date(20*time.Minute, refused), sts.ClockWrong, " behind that of STS"},
		{date(-20*time.Minute, refused), sts.ClockWrong, " ahead of that of STS"},
		{date(4*time.Minute, refused), sts.SourceRejected, "secret access key"},
		{date(-2*time.Hour, expired), sts.BadAnswer, " ahead of that of STS"},
		{header("Age", "5", date(time.Hour, refused)), sts.SourceRejected, "secret access key"},
	} {
		f := serve(t, c.h)
		cl := client(t, sts.Options{Endpoint: f.URL})
		_, e := ask(t, cl, plain, keys())
		if e == nil || e.Class != c.class || !strings.Contains(e.Error(), c.text) || e.Skew != cl.Skew() {
			t.Errorf("%+v", e)
		}
	}
	f := serve(t, date(3*time.Minute, echo(plain)))
	cl := client(t, sts.Options{Endpoint: f.URL})
	if _, e := ask(t, cl, plain, keys()); e != nil || (cl.Skew()-3*time.Minute).Abs() > 2*time.Minute {
		t.Errorf("%v %s", e, cl.Skew())
	}
}

// A service that repeats what it was sent, whole or cut, does not make an error repeat it.
func TestMessagesHideSecrets(t *testing.T) {
	t.Parallel()
	for _, r := range []sts.Request{withCode, valid(token.AssumeRoleWithWebIdentity), valid(token.AssumeRoleWithSAML),
		sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build", SerialNumber: "GAHT12345678", TokenCode: code,
			ProvidedContexts: []sts.ProvidedContext{{ProviderArn: "arn:aws:iam::aws:contextProvider/x", ContextAssertion: "CANARYassertion"}}}} {
		var f *fake
		f = serve(t, func(w http.ResponseWriter, _ *http.Request) {
			form := f.form(f.count() - 1)
			var said strings.Builder
			for _, k := range []string{"TokenCode", "WebIdentityToken", "SAMLAssertion", "ProvidedContexts.member.1.ContextAssertion"} {
				if v := form.Get(k); v != "" {
					said.WriteString(fmt.Sprintf("Value '%s' at '%s' is wrong, %s... ", v, k, v[:min(len(v), 14)]))
				}
			}
			if r.Operation == token.GetSessionToken || r.Operation == token.AssumeRole { // signed with it
				w.Header().Set("X-Amzn-Requestid", "CANARYlongTermCANARYlongTermCANARYlong00")
			}
			answers(400, refusal("ValidationError", said.String()+" "+form.Get("TokenCode")))(w, nil)
		})
		var lines strings.Builder
		_, e := ask(t, client(t, sts.Options{Endpoint: f.URL, Log: debugTo(&lines)}), r, keys())
		text := fmt.Sprintf("%v %+v %#v %s %v", e, e, *e, e.Message, e.Unwrap())
		for _, s := range []string{"CANARYa", "CANARYs", "CANARYp", "CANARYl", code, saml[:12], "eyJCANARY"} {
			if strings.Contains(text, s) {
				t.Errorf("%s shows %s: %s", r.Operation, s, text)
			}
		}
		if strings.Contains(lines.String(), code) || strings.Contains(lines.String(), "CANARYp") {
			t.Errorf("log: %s", lines.String())
		}
	}
}

// Another program's words are one line, visible, and short.
func TestMessagesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a&#10;b&#13;c&#9;d":     `a\x0ab\x0dc\x09d`,
		"a\u202eb\u2066c\u200bd": `a\u202eb\u2066c\u200bd`,
		"\u0085\u009b31m":        `\u0085\u009b31m`,
		"Grüße, 世界":              "Grüße, 世界",
		strings.Repeat("é", 400): strings.Repeat("é", 148) + "...",
		"\U000e0041tag":          `\U000e0041tag`,
	} {
		f := serve(t, answers(403, refusal("AccessDenied", in)))
		if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), plain, keys()); e == nil || e.Message != want {
			t.Errorf("%q: %+v", in, e)
		}
	}
	f := serve(t, answers(400, refusal("Odd\u202e\u0085Code"+strings.Repeat("x", 500), "x")))
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), plain, keys()); e == nil || len(e.Code) > 100 || !strings.HasPrefix(e.Code, `Odd\u202e\u0085Code`) {
		t.Errorf("%+v", e)
	}
}
