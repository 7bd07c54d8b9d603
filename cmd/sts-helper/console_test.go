package main

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
)

// Every partition has its own sign-in service and console.
func TestSignInHosts(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":      "https://signin.aws.amazon.com/federation https://console.aws.amazon.com",
		"cn-north-1":     "https://signin.amazonaws.cn/federation https://console.amazonaws.cn",
		"us-gov-west-1":  "https://signin.amazonaws-us-gov.com/federation https://console.amazonaws-us-gov.com",
		"eusc-de-east-1": "https://signin.amazonaws-eusc.eu/federation https://console.amazonaws-eusc.eu",
		"us-iso-east-1":  "https://signin.c2shome.ic.gov/federation https://console.c2shome.ic.gov",
		"us-isob-east-1": "https://signin.sc2shome.sgov.gov/federation https://console.sc2shome.sgov.gov",
		"eu-isoe-west-1": "https://signin.csphome.adc-e.uk/federation https://console.csphome.adc-e.uk",
		"us-isof-east-1": "https://signin.csphome.hci.ic.gov/federation https://console.csphome.hci.ic.gov",
	} {
		federation, home, err := signInHosts(&request.Request{Region: region})
		if got := federation + " " + home; err != nil || got != want {
			t.Errorf("%s: %s, %v", region, got, err)
		}
	}
	if _, err := consolePage("https://console.aws.amazon.com", "eu-west-1", "https://console.aws.amazon.com.evil.example/"); err == nil {
		t.Error("a page of another host is taken")
	}
	if page, err := consolePage("https://console.aws.amazon.com", "eu-west-1", "https://eu-west-1.console.aws.amazon.com/ec2/home"); err != nil || !strings.HasPrefix(page, "https://eu-west-1.") {
		t.Errorf("%s, %v", page, err)
	}
}
