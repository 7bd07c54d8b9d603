package emulator

func signinError(status int, code, detail, format string, args ...any) *apiError {
	e := refuse(status, code, format, args...)
	e.detail = detail
	return e
}
