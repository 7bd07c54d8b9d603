package imds_test

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The other user is made by the user who runs the test, who says the name and the password.
const (
	otherUserName     = "IMDS_TEST_OTHER_USER"
	otherUserPassword = "IMDS_TEST_OTHER_PASSWORD"
)

// commonDir is a directory that all users can use.
func commonDir(t *testing.T) string {
	t.Helper()
	if os.Getenv(otherUserName) == "" {
		t.Skip("this test has another user's process connect: " + otherUserName + " and " + otherUserPassword + " say whose")
	}
	dir, err := os.MkdirTemp(os.Getenv("PUBLIC"), "imds-other-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func whoAmI() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// runAs starts a process as another user by the secondary logon service, which needs no privilege.
func runAs(t *testing.T, _ uint32, exe, order string, _ bool) {
	t.Helper()
	text := func(s string) *uint16 {
		p, err := windows.UTF16PtrFromString(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Setenv("IMDS_TEST_AS", order) // without an environment it gets this one
	var block []uint16
	for _, v := range os.Environ() {
		u, err := windows.UTF16FromString(v)
		if err != nil {
			t.Fatal(err)
		}
		block = append(block, u...)
	}
	block = append(block, 0)
	si := &windows.StartupInfo{}
	si.Cb = uint32(unsafe.Sizeof(*si))
	pi := &windows.ProcessInformation{}
	ok, _, err := windows.NewLazySystemDLL("advapi32.dll").NewProc("CreateProcessWithLogonW").Call(
		uintptr(unsafe.Pointer(text(os.Getenv(otherUserName)))), uintptr(unsafe.Pointer(text("."))), uintptr(unsafe.Pointer(text(os.Getenv(otherUserPassword)))),
		0, uintptr(unsafe.Pointer(text(exe))), 0, windows.CREATE_UNICODE_ENVIRONMENT|windows.CREATE_NO_WINDOW,
		uintptr(unsafe.Pointer(&block[0])), uintptr(unsafe.Pointer(text(os.Getenv("PUBLIC")))), uintptr(unsafe.Pointer(si)), uintptr(unsafe.Pointer(pi)))
	if ok == 0 {
		t.Fatalf("CreateProcessWithLogonW: %v", err)
	}
	defer func() { _, _ = windows.CloseHandle(pi.Process), windows.CloseHandle(pi.Thread) }()
	if _, err := windows.WaitForSingleObject(pi.Process, windows.INFINITE); err != nil {
		t.Fatal(err)
	}
	var code uint32
	if err := windows.GetExitCodeProcess(pi.Process, &code); err != nil || code != 0 {
		t.Fatalf("the other user's process: exit code %d, %v", code, err)
	}
}
