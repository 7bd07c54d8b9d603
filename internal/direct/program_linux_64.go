//go:build linux && (amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package direct

// programHeader is Elf64_Phdr of elf(5).
type programHeader struct {
	kind, _ uint32
	_       uint64
	address uintptr
	_       uint64
	size    uintptr // in the file
	_, _    uint64
}
