package sts

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
)

// maxDepth bounds how deep the elements of an answer may be nested; STS's are at four.
const maxDepth = 16

// inspectXML reports why body is not one well-formed document of the given root element, with
// every element of Result, Credentials and the like at most once: the SDK's decoder takes the last
// of two, skips what it does not know, and stops reading when it has what it wants.
//
// Errors of the XML decoder are not repeated: they may quote the document, and so a secret.
func inspectXML(body []byte, root, contentType string) error {
	trimmed := bytes.TrimLeft(body, "\ufeff \t\r\n")
	if len(trimmed) == 0 {
		return &badAnswer{"an empty answer"}
	}
	if looksHTML(trimmed, contentType) {
		return &badAnswer{"a web page instead of an answer of STS"}
	}
	notXML := &badAnswer{"an answer that is not the XML of STS"}
	d := xml.NewDecoder(bytes.NewReader(body))
	type element struct {
		name     string
		children []string
	}
	var open []element
	seen := false
	for {
		t, err := d.RawToken() // names as written; nesting is checked below
		if err == io.EOF {
			if !seen || len(open) > 0 {
				return notXML
			}
			return nil
		}
		if err != nil {
			return notXML
		}
		switch t := t.(type) {
		case xml.StartElement:
			name := t.Name.Local
			switch {
			case len(open) == 0 && (seen || name != root):
				return notXML
			case len(open) >= maxDepth:
				return &badAnswer{"an answer nested too deep"}
			case len(open) > 0:
				parent := &open[len(open)-1]
				for _, c := range parent.children {
					if strings.EqualFold(c, name) {
						return &badAnswer{"an answer that says one thing twice"}
					}
				}
				if len(parent.children) >= 4*maxDepth {
					return notXML
				}
				parent.children = append(parent.children, name)
			}
			seen = true
			open = append(open, element{name: name})
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].name != t.Name.Local {
				return notXML
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(t, []byte("\ufeff")))) > 0 {
				return notXML
			}
		case xml.Directive:
			return notXML // a DOCTYPE: STS sends none
		}
	}
}

// looksHTML recognises what captive portals, proxies and load balancers answer.
func looksHTML(body []byte, contentType string) bool {
	if strings.HasPrefix(strings.ToLower(contentType), "text/html") && !bytes.HasPrefix(body, []byte("<?xml")) {
		return true
	}
	head := bytes.ToLower(body[:min(len(body), 64)])
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}
