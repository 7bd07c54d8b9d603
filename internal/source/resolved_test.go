package source

import (
	"strings"
	"testing"
)

// A container's endpoint gets a token: without TLS only those that the SDK asks are asked.
func TestContainerEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"http://127.0.0.1:1338/x": true, "http://[::1]/x": true, "http://localhost:80/x": true, "http://169.254.170.2/x": true,
		"http://169.254.170.23/v1/credentials": true, "http://[fd00:ec2::23]/v1/credentials": true, "https://example.com/x": true,
		"http://[::ffff:127.0.0.1]/x": true, "http://169.254.169.254/x": false, "http://10.0.0.1/CANARY": false, "http://[fd00:ec2::254]/CANARY": false,
		"http://0.0.0.0/CANARY": false, "ftp://127.0.0.1/CANARY": false, "//127.0.0.1/CANARY": false, "http:///CANARY": false, "http://127.0.0.1%zz/CANARY": false, "": false,
	} {
		err := checkContainer(t.Context(), endpoint)
		if (err == nil) != ok {
			t.Errorf("%q: %v", endpoint, err)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v repeats it", endpoint, err)
		}
	}
}
