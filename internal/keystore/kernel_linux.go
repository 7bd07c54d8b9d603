package keystore

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// kernel is the keyring of the user (user-keyring(7)): in the kernel's memory, for this user's processes alone, until
// the machine restarts.
type kernel struct{}

// userMay lets the user's processes view, read, change, find and link the key whether or not they possess it: another
// session's keyrings are not linked to the user's (keyctl_setperm(3)).
const userMay = 0x3f3f0000

func description(name, id string) string { return "sts-helper:" + item(name, id) }

func find(name, id string) (int, error) {
	key, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", description(name, id), 0)
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return 0, ErrNotFound
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		return 0, errors.New("it is switched off here, as in containers")
	}
	return key, err
}

func (kernel) get(_ context.Context, name, id string) (string, error) {
	key, err := find(name, id)
	if err != nil {
		return "", err
	}
	buffer := make([]byte, maxSecret)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, key, buffer, 0)
	if err != nil {
		return "", err
	}
	return string(buffer[:min(n, len(buffer))]), nil
}

// maxSecret is more than any secret takes, in bytes.
const maxSecret = 4 << 10

func (kernel) set(_ context.Context, name, id, secret string) error {
	if _, err := find(name, id); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	key, err := unix.AddKey("user", description(name, id), []byte(secret), unix.KEY_SPEC_USER_KEYRING)
	if err != nil {
		return err
	}
	return unix.KeyctlSetperm(key, userMay)
}

func (kernel) remove(_ context.Context, name, id string) error {
	key, err := find(name, id)
	if err != nil {
		return err
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, key, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	return err
}
