package imds

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

var getExtendedTCPTable = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")

// ownUID stands for the server's own user: users have no numbers here, and os.Geteuid gives this one for all.
const ownUID = math.MaxUint32

// diag asks Windows about sockets and processes. It is not safe for use by several goroutines.
type diag struct {
	user  *windows.SID
	table []byte
}

func newDiag() (*diag, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err == nil {
		err = getExtendedTCPTable.Find()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot ask whose connections these are: %w", err)
	}
	return &diag{user: user.User.Sid}, nil
}

func (*diag) close() {}

// owner is ownUID where the socket that is bound to client and connected to server is of a process of the server's own
// user. It gives errNoSocket if this machine has none, errOtherUser if it is another user's, and another error when the
// answer is not beyond doubt.
func (d *diag) owner(client, server netip.AddrPort) (uid, inode uint32, err error) {
	if d == nil {
		return 0, 0, errors.New("the system cannot be asked")
	}
	pid, err := d.process(client, server)
	if err != nil {
		return 0, 0, err
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return 0, 0, errOtherUser
	}
	if err != nil {
		return 0, 0, fmt.Errorf("its process cannot be looked at: %w", err)
	}
	defer func() { _ = windows.CloseHandle(process) }()
	// As long as the handle is open the number is no other process's: it had the socket before, and has it now.
	if again, err := d.process(client, server); err != nil || again != pid {
		return 0, 0, errClosed
	}
	var token windows.Token
	err = windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return 0, 0, errOtherUser
	}
	if err != nil {
		return 0, 0, fmt.Errorf("the user of its process is not known: %w", err)
	}
	defer func() { _ = token.Close() }()
	user, err := token.GetTokenUser()
	if err != nil {
		return 0, 0, fmt.Errorf("the user of its process is not known: %w", err)
	}
	if !user.User.Sid.Equals(d.user) {
		return 0, 0, errOtherUser
	}
	return ownUID, 0, nil
}

// process is the one that has the socket (GetExtendedTcpTable, iphlpapi.h).
func (d *diag) process(client, server netip.AddrPort) (pid uint32, err error) {
	const ownerPIDAll = 5 // TCP_TABLE_OWNER_PID_ALL
	family := uintptr(windows.AF_INET)
	if client.Addr().Is6() {
		family = windows.AF_INET6
	}
	if d.table == nil {
		d.table = make([]byte, 16<<10)
	}
	for range 8 { // the table may grow in between
		size := uint32(len(d.table))
		code, _, _ := getExtendedTCPTable.Call(uintptr(unsafe.Pointer(&d.table[0])), uintptr(unsafe.Pointer(&size)), 0, family, ownerPIDAll, 0)
		switch errno := windows.Errno(code); errno {
		case windows.ERROR_SUCCESS:
			return parseTCPTable(d.table, client, server)
		case windows.ERROR_INSUFFICIENT_BUFFER:
			d.table = make([]byte, size+size/4)
		default:
			return 0, fmt.Errorf("GetExtendedTcpTable: %w", errno)
		}
	}
	return 0, errors.New("GetExtendedTcpTable: the table grows faster than it is read")
}

func sandboxed(uint32, uint32) string { return "the process cannot be looked into" }

func overflowUID() *uint32 { return nil }
