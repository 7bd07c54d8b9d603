// Package bench measures the real binary as a whole process, always against something else
// in the same run: absolute times say more about the machine than about the program.
package bench
