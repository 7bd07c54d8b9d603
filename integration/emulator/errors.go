package emulator

import (
	"fmt"
	"strconv"
	"strings"
)

// apiError is a refusal as the service words it. It becomes the error document of
// the service that was asked.
type apiError struct {
	status  int
	code    string
	message string
	detail  string // the error member of an OAuth answer
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) *apiError {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return &apiError{status: status, code: code, message: format}
}

func denied(format string, args ...any) *apiError {
	return refuse(403, "AccessDenied", format, args...)
}

func invalid(format string, args ...any) *apiError {
	return refuse(400, "ValidationError", format, args...)
}

func notAuthorized(who, action, resource string) *apiError {
	return denied("User: %s is not authorized to perform: %s on resource: %s", who, action, resource)
}

func internalFailure(service string) *apiError {
	code := "InternalFailure"
	if isJSON(service) {
		code = "InternalServerException"
	}
	return refuse(500, code, "The request processing has failed because of an unknown error, exception or failure.")
}

func invalidClientToken() *apiError {
	return refuse(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// document is the body of an error answer in the form of the given service.
func (e *apiError) document(service, requestID string) string {
	if isJSON(service) {
		return e.jsonDocument(service)
	}
	code, msg := escape(e.code), escape(e.message)
	if service == "s3" {
		return s3Error(code, msg, requestID)
	}
	if service == "ec2" {
		return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			"<Response><Errors><Error><Code>" + code + "</Code><Message>" + msg +
			"</Message></Error></Errors><RequestID>" + requestID + "</RequestID></Response>"
	}
	side := "Sender"
	if e.status >= 500 {
		side = "Receiver"
	}
	ns := stsNamespace
	if service == "iam" {
		ns = iamNamespace
	}
	return `<ErrorResponse xmlns="` + ns + `">` + "\n  <Error>\n    <Type>" + side + "</Type>\n    <Code>" +
		code + "</Code>\n    <Message>" + msg + "</Message>\n  </Error>\n  <RequestId>" +
		requestID + "</RequestId>\n</ErrorResponse>\n"
}

// violations collects what is wrong with the parameters of a request, so that one
// ValidationError names them all as the service does.
type violations []string

func (v *violations) add(value, where, rule string) {
	*v = append(*v, "Value "+value+" at '"+where+"' failed to satisfy constraint: "+rule)
}

func (v violations) err() *apiError {
	switch len(v) {
	case 0:
		return nil
	case 1:
		return invalid("%s", "1 validation error detected: "+v[0])
	}
	return invalid("%s", strconv.Itoa(len(v))+" validation errors detected: "+strings.Join(v, "; "))
}
