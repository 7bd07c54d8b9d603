package main

import "golang.org/x/sys/windows"

func v6Only(fd uintptr) bool {
	n, err := windows.GetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, windows.IPV6_V6ONLY)
	return err == nil && n != 0
}
