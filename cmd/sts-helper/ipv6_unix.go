//go:build unix

package main

import "golang.org/x/sys/unix"

func v6Only(fd uintptr) bool {
	n, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return err == nil && n != 0
}
