package child

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// ntResumeProcess lets a process run that was made suspended; os/exec keeps no handle of its thread, which
// ResumeThread would need.
var ntResumeProcess = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")

// family is a job object, with a child and all that it starts in it. What is in it ends when this process is
// killed, since the last handle of the job is closed then.
type family struct {
	mu  sync.Mutex
	job windows.Handle // 0 where there is none, and once it is closed
}

func newFamily() *family {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return &family{}
	}
	f := &family{job: job}
	if f.limit(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE) != nil {
		f.leave()
	}
	return f
}

func (f *family) limit(flags uint32) error {
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: flags}}
	_, err := windows.SetInformationJobObject(f.job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	return err
}

// adopt puts the child, which was made suspended, into the job, and lets it run. Where it cannot be put there the child
// alone is ended later.
func (f *family) adopt(p *os.Process) {
	var status uintptr
	err := p.WithHandle(func(handle uintptr) {
		f.mu.Lock()
		if f.job != 0 {
			_ = windows.AssignProcessToJobObject(f.job, windows.Handle(handle))
		}
		f.mu.Unlock()
		status, _, _ = ntResumeProcess.Call(handle)
	})
	if err != nil || status != 0 {
		_ = p.Kill() // it would wait for ever
	}
}

// kill ends the child and all that it started.
func (f *family) kill(p *os.Process, _ bool) error {
	f.mu.Lock()
	if f.job != 0 {
		_ = windows.TerminateJobObject(f.job, 1)
	}
	f.mu.Unlock()
	return p.Kill()
}

// leave lets what a child left behind live on: an agent that a password manager started, say.
func (f *family) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.job == 0 {
		return
	}
	_ = f.limit(0)
	_ = windows.CloseHandle(f.job)
	f.job = 0
}
