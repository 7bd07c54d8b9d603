package sts_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/sts"
)

// The SDK's own table finds the hosts that ours names, for every partition, and sends what is no region
// where ours says.
func TestPartitionsAsTheSDKHasThem(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"us-east-1", "mx-central-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1",
		"us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1", "eusc-xx-east-1", "nz-north-1"} {
		c, err := sts.New(sts.Options{Region: region})
		if err != nil {
			t.Fatal(err)
		}
		want := "https://sts." + region + "." + awsname.PartitionOf(region).DNSSuffix
		if got := strings.TrimSuffix(c.Endpoint(), "/"); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}
