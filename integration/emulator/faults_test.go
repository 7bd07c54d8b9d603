package emulator_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// raw sends a GetSessionToken and gives back what arrived, or the error.
func raw(t testing.TB, w wire, op string, kv ...string) (status int, body string, err error) {
	t.Helper()
	res, err := plainClient.Do(w.request(t, params(op, kv...)))
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func TestFaultsBeforeProcessing(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	for _, tt := range []struct {
		fault  emulator.Fault
		status int
		part   string
	}{
		{emulator.Fault{Kind: emulator.InternalFailure}, 500, "<Code>InternalFailure</Code>"},
		{emulator.Fault{Kind: emulator.ServiceUnavailable}, 503, "<Code>ServiceUnavailable</Code>"},
		{emulator.Fault{Kind: emulator.Throttle}, 400, "<Code>Throttling</Code>"},
		{emulator.Fault{Kind: emulator.Deny}, 403, "<Code>AccessDenied</Code>"},
		{emulator.Fault{Kind: emulator.Refuse, Status: 403, Code: "RegionDisabledException", Message: "no < here"}, 403, "<Message>no &lt; here</Message>"},
		{emulator.Fault{Kind: emulator.MalformedXML}, 200, "<AccessKeyId>ASIA"},
		{emulator.Fault{Kind: emulator.CaptivePortal}, 200, "<title>Welcome"},
		{emulator.Fault{Kind: emulator.Redirect, Location: "http://127.0.0.1:1/"}, 302, ""},
		{emulator.Fault{Kind: emulator.Redirect, Location: "http://127.0.0.1:1/", Status: 307}, 307, ""},
		{emulator.Fault{Kind: emulator.EmptyBody}, 200, ""},
		{emulator.Fault{Kind: emulator.NoCredentials}, 200, "<GetSessionTokenResult></GetSessionTokenResult>"},
		{emulator.Fault{Kind: emulator.HugeBody, Size: 1 << 20}, 200, strings.Repeat("A", 1<<20) + "</SessionToken>"},
		{emulator.Fault{Kind: emulator.HugeError, Size: 1 << 20}, 500, strings.Repeat("A", 1<<20) + "</Message>"},
	} {
		t.Run(string(tt.fault.Kind), func(t *testing.T) {
			tt.fault.Times = 1
			e.Fault(tt.fault)
			status, body, err := raw(t, w, "GetSessionToken")
			if err != nil || status != tt.status || !strings.Contains(body, tt.part) || tt.part == "" && body != "" {
				t.Errorf("%d %v %.300s", status, err, body)
			}
			if status, _, err := raw(t, w, "GetSessionToken"); status != 200 || err != nil {
				t.Errorf("the next request: %d %v", status, err)
			}
		})
	}
	if want := e.Count("GetSessionToken") / 2; e.Succeeded("GetSessionToken") != want {
		t.Errorf("%d of %d succeeded, want half", e.Succeeded("GetSessionToken"), e.Count("GetSessionToken"))
	}
	t.Run("wrong length", func(t *testing.T) {
		e.Fault(emulator.Fault{Kind: emulator.WrongContentLength, Times: 1})
		if _, _, err := raw(t, w, "GetSessionToken"); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		e.Fault(emulator.Fault{Kind: emulator.Reset, Times: 1})
		before := e.Succeeded("GetSessionToken")
		if _, _, err := raw(t, w, "GetSessionToken"); !errors.Is(err, syscall.ECONNRESET) || e.Succeeded("GetSessionToken") != before {
			t.Errorf("%v", err)
		}
	})
	t.Run("huge header", func(t *testing.T) {
		e.Fault(emulator.Fault{Kind: emulator.HugeHeader, Size: 11 << 20, Times: 1})
		if _, _, err := raw(t, w, "GetSessionToken"); err == nil {
			t.Error("net/http took it")
		}
	})
}

func TestFaultsAfterProcessing(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	e.AddRole(account, "r")
	w := wire{e: e, creds: keys(alice)}
	for _, tt := range []struct {
		kind emulator.Kind
		part string
	}{
		{emulator.InternalFailureLate, "<Code>InternalFailure</Code>"},
		{emulator.BadExpiry, "<Expiration>tomorrow</Expiration>"},
		{emulator.BadAccessKeyID, "&#xA;\u202e"},
		{emulator.NoSecret, "<SecretAccessKey></SecretAccessKey>"},
		{emulator.LongTermKey, "<AccessKeyId>AKIA"},
		{emulator.ExpiredCredentials, "<Expiration>" + time.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:")},
		{emulator.LongExpiry, "<Expiration>" + time.Now().UTC().AddDate(10, 0, 0).Format("2006-01-02")},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			before := e.Succeeded("GetSessionToken")
			e.Fault(emulator.Fault{Kind: tt.kind, Op: "GetSessionToken", Times: 1})
			if _, body, err := raw(t, w, "GetSessionToken"); err != nil || !strings.Contains(body, tt.part) {
				t.Errorf("%v %s", err, body)
			}
			if e.Succeeded("GetSessionToken") != before+1 {
				t.Error("not processed")
			}
		})
	}
	t.Run("no token", func(t *testing.T) {
		e.Fault(emulator.Fault{Kind: emulator.NoSessionToken, Times: 1})
		if _, body, _ := raw(t, w, "GetSessionToken"); strings.Contains(body, "SessionToken>IQ") || !strings.Contains(body, "<Credentials>") {
			t.Error(body)
		}
	})
	t.Run("slow drip", func(t *testing.T) {
		e.Fault(emulator.Fault{Kind: emulator.SlowDrip, Delay: time.Microsecond, Times: 1})
		if _, body, err := raw(t, w, "GetSessionToken"); err != nil || !strings.HasSuffix(body, "</GetSessionTokenResponse>\n") {
			t.Errorf("%v %s", err, body)
		}
	})
	t.Run("other identity", func(t *testing.T) {
		e.Fault(emulator.Fault{Kind: emulator.OtherIdentity, Times: 3})
		_, body, _ := raw(t, w, "AssumeRole", "RoleArn", roleARN("r"), "RoleSessionName", "me")
		_, id, _ := strings.Cut(body, "<AccessKeyId>")
		if got, _ := emulator.AccountOfKey(id[:20]); got != "999999999999" || !strings.Contains(body, "<Arn>arn:aws:sts::999999999999:assumed-role/r/me</Arn>") {
			t.Errorf("%s %s", got, body)
		}
		if _, body, _ = raw(t, w, "GetCallerIdentity"); !strings.Contains(body, "<Account>999999999999</Account>") {
			t.Error(body)
		}
		if _, body, _ = raw(t, w, "GetFederationToken", "Name", "Bob"); !strings.Contains(body, "999999999999:federated-user/Bob") {
			t.Error(body)
		}
		e.Fault(emulator.Fault{Kind: emulator.OtherIdentity, ARN: "arn:aws:sts::111122223333:assumed-role/other/me", Times: 1})
		if _, body, _ = raw(t, w, "AssumeRole", "RoleArn", roleARN("r"), "RoleSessionName", "me"); !strings.Contains(body, "assumed-role/other/me") {
			t.Error(body)
		}
	})
	t.Run("code burnt, answer lost", func(t *testing.T) {
		d := e.AddMFADevice(alice, "alice")
		now := time.Now()
		e.SetNow(func() time.Time { return now })
		defer e.SetNow(time.Now)
		e.Fault(emulator.Fault{Kind: emulator.ResetAfter, Times: 1})
		before := e.Succeeded("GetSessionToken")
		_, _, err := raw(t, w, "GetSessionToken", "SerialNumber", d.SerialNumber, "TokenCode", d.Code(now))
		if !errors.Is(err, syscall.ECONNRESET) || e.Succeeded("GetSessionToken") != before+1 {
			t.Errorf("%v", err)
		}
		w.call(t, withCode(d, d.Code(now))).want(t, 403, "AccessDenied", badCode)
		log := e.Requests()
		last := log[len(log)-2]
		if !last.MFA || last.TokenCode != d.Code(now) || last.Fault != "reset-after" || last.Status != 200 || last.Issued == "" || last.AccessKeyID != alice.AccessKeyID {
			t.Errorf("%+v", last)
		}
	})
}

func TestHangDelayAndOrder(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, kind := range []emulator.Kind{emulator.Hang, emulator.HangAfter} {
		e.ResetCounts()
		e.Fault(emulator.Fault{Kind: kind})
		got := make(chan answer)
		go func() { got <- w.call(t, params("GetCallerIdentity")) }()
		if err := e.WaitInFlight(ctx, "GetCallerIdentity", 1); err != nil {
			t.Fatal(err)
		}
		if kind == emulator.Hang && e.Succeeded("") != 0 {
			t.Error("processed before it hung")
		}
		e.ClearFaults()
		(<-got).want(t, 200, "", "")
	}
	// A client that goes away does not leave its request behind.
	e.Fault(emulator.Fault{Kind: emulator.Hang, Times: 1})
	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if _, err := plainClient.Do(w.request(t, params("GetCallerIdentity")).WithContext(short)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	// Orders for another operation wait; of two that fit the older strikes.
	e.Fault(emulator.Fault{Kind: emulator.Deny, Op: "AssumeRole", Times: 1})
	e.Fault(emulator.Fault{Kind: emulator.ServiceUnavailable, Times: 2})
	e.Fault(emulator.Fault{Kind: emulator.Throttle, Times: 1})
	e.Fault(emulator.Fault{Kind: emulator.Delay, Delay: time.Millisecond, Times: 1})
	for _, want := range []int{503, 503, 400, 200} {
		if status, _, err := raw(t, w, "GetCallerIdentity"); status != want || err != nil {
			t.Errorf("%d %v, want %d", status, err, want)
		}
	}
	for _, bad := range []emulator.Fault{{Kind: "hiccup"}, {Kind: emulator.Reset, Op: "GetMoney"}, {Kind: emulator.Redirect}, {Kind: emulator.Reset, Times: -1}} {
		if e.AddFault(bad) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// Five hundred at once, held by a gate, each with a token of its own.
func TestGateAndCrowd(t *testing.T) {
	const crowd = 500
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	release := e.Gate("GetSessionToken")
	var answered atomic.Int32
	var wg sync.WaitGroup
	var seen sync.Map
	for range crowd {
		wg.Go(func() {
			c := w.call(t, params("GetSessionToken")).creds(t)
			answered.Add(1)
			if !e.Owns(c.AccessKeyID, c.SecretAccessKey, c.SessionToken) {
				t.Error("parts of two answers")
			}
			if _, twice := seen.LoadOrStore(c.AccessKeyID, true); twice {
				t.Errorf("%s twice", c.AccessKeyID)
			}
		})
	}
	if err := e.WaitInFlight(ctx, "GetSessionToken", crowd); err != nil {
		t.Fatal(err)
	}
	if n := answered.Load(); n != 0 {
		t.Errorf("%d went through the gate", n)
	}
	w.call(t, params("GetCallerIdentity")).want(t, 200, "", "") // others are not held
	release()
	release()
	wg.Wait()
	if e.Succeeded("GetSessionToken") != crowd || e.MostInFlight("GetSessionToken") != crowd {
		t.Errorf("%d tokens, %d at once", e.Succeeded("GetSessionToken"), e.MostInFlight("GetSessionToken"))
	}
	w.call(t, params("GetSessionToken")).want(t, 200, "", "")
}

func TestCloseLetsGo(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	e.Gate("")
	ended := make(chan error)
	go func() {
		_, _, err := raw(t, w, "GetCallerIdentity")
		ended <- err
	}()
	if err := e.WaitInFlight(context.Background(), "", 1); err != nil {
		t.Fatal(err)
	}
	e.Close()
	if <-ended == nil {
		t.Error("an answer from beyond")
	}
}

func TestTLS(t *testing.T) {
	e := emulator.New(emulator.World{})
	if err := e.StartTLS(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	if _, _, err := raw(t, w, "GetCallerIdentity"); err == nil {
		t.Error("trusted without its authority")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(e.CAPEM()) {
		t.Fatal("no certificate in CAPEM")
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: 10 * time.Second}
	res, err := c.Do(w.request(t, params("GetCallerIdentity")))
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	e.Fault(emulator.Fault{Kind: emulator.Reset})
	if _, err = c.Do(w.request(t, params("GetCallerIdentity"))); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "127.0.0.1"} {
		if err := emulator.New(emulator.World{}).Listen(addr, false); err == nil {
			t.Errorf("listens on %q", addr)
		}
	}
}

func TestEveryKindDoesSomething(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	normal := func(body string) string { // the shape without what differs from call to call
		var b strings.Builder
		s := bufio.NewScanner(strings.NewReader(body))
		for s.Scan() {
			name, _, _ := strings.Cut(s.Text(), ">")
			fmt.Fprintln(&b, name)
		}
		return b.String()
	}
	_, good, _ := raw(t, w, "GetSessionToken", "DurationSeconds", "900")
	for _, k := range emulator.Kinds() {
		switch k {
		case emulator.Delay, emulator.Hang, emulator.HangAfter, emulator.SlowDrip, emulator.OtherIdentity,
			emulator.ExpiredCredentials, emulator.LongExpiry, emulator.BadExpiry, emulator.BadAccessKeyID, emulator.NoSecret, emulator.LongTermKey, emulator.HugeHeader:
			continue // tried by themselves above
		}
		e.Fault(emulator.Fault{Kind: k, Times: 1, Location: "http://127.0.0.1:1/", Size: 100})
		status, body, err := raw(t, w, "GetSessionToken", "DurationSeconds", "900")
		if err == nil && status == 200 && normal(body) == normal(good) {
			t.Errorf("%s changes nothing", k)
		}
	}
}
