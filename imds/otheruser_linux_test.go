package imds_test

import "syscall"

// inSandbox puts a process into namespaces of its own, of the server's user, as a rootless container has them.
func inSandbox(attr *syscall.SysProcAttr, uid int) {
	attr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.Credential.NoSetGroups = true
}
