//go:build unix

package main

import "github.com/sts-helper/sts-helper/internal/render"

// shellFormat is the form of variables for the shell that most users have here.
func (*program) shellFormat() render.Format { return render.Shell }
