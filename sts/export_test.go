package sts

import (
	"context"
	"net"
	"net/http"
)

// SetDial makes the client's own transport connect by dial.
func (c *Client) SetDial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	c.transport.(*http.Transport).DialContext = dial
}
