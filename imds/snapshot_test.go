package imds

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/record"
)

// Whatever happens to the clocks, no more is left of credentials than was given.
func TestLeft(t *testing.T) {
	now := time.Now()
	fetched := func() *snapshot {
		t.Helper()
		s, err := newSnapshot(&Profile{}, nil, aws.Credentials{
			AccessKeyID: "ASIAQWERTYUIOPASDFGH", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken", CanExpire: true, Expires: now.Add(time.Hour),
		}, now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	about := func(name string, s *snapshot, at time.Time, want time.Duration) {
		t.Helper()
		if got := s.left(at); (got - want).Abs() > time.Minute {
			t.Errorf("%s: %v is left, want about %v", name, got, want)
		}
	}
	about("at once", fetched(), now, time.Hour)
	about("half an hour later", fetched(), now.Add(30*time.Minute), 30*time.Minute)
	about("the wall clock set ahead", fetched(), now.Round(0).Add(2*time.Hour), -time.Hour)
	if _, id := record.BootClock(); id != "" {
		slept := fetched()
		slept.boot -= 2 * time.Hour
		about("slept, and the wall clock set back", slept, now, -time.Hour)
	}
}
