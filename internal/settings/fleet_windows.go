package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// fleetFile is below the folder of data for all users, asked of the system: %ProgramData% is the user's to
// set.
func fleetFile() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "sts-helper", "config.toml")
}

// writeRights let their holder change a file or what is in a directory, or who may.
const writeRights = windows.GENERIC_ALL | windows.GENERIC_WRITE | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
	windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | fileDeleteChild

const fileDeleteChild = 0x40 // FILE_DELETE_CHILD, winnt.h

// checkFleetFile refuses a file that others than administrators and the system own or may change, or whose directory
// they own: every user may make directories below ProgramData.
func checkFleetFile(path string, _ fs.FileInfo) error {
	if err := checkAdministrators(path, true); err != nil {
		return err
	}
	if err := checkAdministrators(filepath.Dir(path), false); err != nil {
		return errors.New("its directory " + err.Error())
	}
	return nil
}

func checkAdministrators(path string, writable bool) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if !administrators(owner) {
		return errors.New("belongs to neither the administrators nor the system")
	}
	if !writable {
		return nil
	}
	acl, _, err := sd.DACL()
	if err != nil || acl == nil {
		return errors.New("every user may write to it")
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return err
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE && ace.Header.AceFlags&windows.INHERIT_ONLY_ACE == 0 && ace.Mask&writeRights != 0 && !administrators(sid) {
			return errors.New("others than administrators may write to it")
		}
	}
	return nil
}

// administrators reports whether sid is the administrators, the system, or its installer
// (https://learn.microsoft.com/windows/win32/secauthz/well-known-sids).
func administrators(sid *windows.SID) bool {
	switch sid.String() {
	case "S-1-5-32-544", "S-1-5-18", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464":
		return true
	}
	return false
}
