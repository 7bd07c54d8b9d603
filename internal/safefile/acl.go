package safefile

// An accessList is what decides on Windows who may use a file or directory: its owner, and the entries of its
// discretionary access control list (https://learn.microsoft.com/windows/win32/secauthz/access-control-lists). The
// rules about it are the same on every system, so that they are tested on each. Users and groups are by their
// security identifiers, as text.
type accessList struct {
	user    string // of this process
	owner   string
	none    bool // there is no list, which lets every user do everything
	entries []accessEntry
	err     error // why the list could not be read
}

// An accessEntry is one of the list. What it gives to the files and directories below, which may be all that it
// does, is looked at as well: a file of a private directory gets its list from there.
type accessEntry struct {
	kind byte // ACE_HEADER.AceType, winnt.h
	mask uint32
	sid  string
}

// Kinds of entries, winnt.h. An entry with a condition, of kind 9, is taken for one without. Those that deny are
// passed over: they only take something away.
const (
	aceAllowed         = 0
	aceDenied          = 1
	aceDeniedObject    = 6
	aceAllowedCallback = 9
	aceDeniedCallback  = 10
	aceDeniedCallbackO = 12
)

// Rights, winnt.h.
const (
	aclWriteData   = 0x2 // of a directory: to put files into it
	aclAppendData  = 0x4
	aclDeleteChild = 0x40
	aclDelete      = 0x10000
	aclWriteDAC    = 0x40000
	aclWriteOwner  = 0x80000
	aclAll         = 0x10000000
	aclWrite       = 0x40000000

	// aclReplace lets its holder put another file in the place of a directory's, or change who may.
	aclReplace = aclDeleteChild | aclDelete | aclWriteDAC | aclWriteOwner | aclAll
	// aclChange lets its holder change a file, or what is in a directory, or who may.
	aclChange = aclReplace | aclWriteData | aclAppendData | aclWrite
)

// Identifiers, https://learn.microsoft.com/windows/win32/secauthz/well-known-sids.
const (
	sidEveryone       = "S-1-1-0"
	sidCreatorOwner   = "S-1-3-0" // who makes a file in the directory; no user is it
	sidOwnerRights    = "S-1-3-4" // the owner, who is looked at
	sidNetwork        = "S-1-5-2"
	sidInteractive    = "S-1-5-4"
	sidAnonymous      = "S-1-5-7"
	sidAuthenticated  = "S-1-5-11"
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
	sidUsers          = "S-1-5-32-545"
	sidGuests         = "S-1-5-32-546"
	sidInstaller      = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464" // TrustedInstaller
)

// isSystem reports whether an identifier is what root is elsewhere: the system and the administrators, those of the domain among
// them, whose group is one of the administrators on each of its machines.
func isSystem(sid string) bool {
	if sid == sidSystem || sid == sidAdministrators || sid == sidInstaller {
		return true
	}
	switch domainRID(sid) {
	case "500", "512", "519": // Administrator, Domain Admins, Enterprise Admins
		return true
	}
	return false
}

// domainRID is the last part of an identifier that a domain gave, or the machine.
func domainRID(sid string) string {
	const domain = "S-1-5-21-"
	if len(sid) < len(domain) || sid[:len(domain)] != domain {
		return ""
	}
	at := len(sid) // without package strings: a direct answer is given before that is initialised
	for sid[at-1] != '-' {
		at--
	}
	return sid[at:]
}

// isEveryone reports whether an identifier stands for every user of a machine or domain, or so many that it cannot be said who.
func isEveryone(sid string) bool { return everyonesName(sid) != "" }

// everyonesName is the name of a group that is everyone, by itself or by how users are logged on; "" for others.
func everyonesName(sid string) string {
	switch sid {
	case sidEveryone:
		return "Everyone"
	case "S-1-2-0":
		return "LOCAL"
	case "S-1-2-1":
		return "CONSOLE LOGON"
	case "S-1-5-1":
		return "DIALUP"
	case sidNetwork:
		return "NETWORK"
	case "S-1-5-3":
		return "BATCH"
	case sidInteractive:
		return "INTERACTIVE"
	case "S-1-5-6":
		return "SERVICE"
	case sidAnonymous:
		return "ANONYMOUS LOGON"
	case sidAuthenticated:
		return "Authenticated Users"
	case "S-1-5-13":
		return "TERMINAL SERVER USER"
	case "S-1-5-14":
		return "REMOTE INTERACTIVE LOGON"
	case "S-1-5-15":
		return "This Organization"
	case "S-1-5-1000":
		return "Other Organization"
	case "S-1-5-113":
		return "Local account"
	case "S-1-5-64-10":
		return "NTLM Authentication"
	case "S-1-5-64-14":
		return "SChannel Authentication"
	case "S-1-5-64-21":
		return "Digest Authentication"
	case "S-1-18-1":
		return "Authentication authority asserted identity"
	case "S-1-18-2":
		return "Service asserted identity"
	case sidUsers:
		return "Users"
	case sidGuests:
		return "Guests"
	case "S-1-5-32-554":
		return "Pre-Windows 2000 Compatible Access"
	}
	switch domainRID(sid) {
	case "513":
		return "Domain Users"
	case "514":
		return "Domain Guests"
	case "515":
		return "Domain Computers"
	}
	return ""
}

// nameOf is an identifier with the name under which Windows shows it, where it is one of every machine.
func nameOf(sid string) string {
	name := everyonesName(sid)
	switch sid {
	case sidSystem:
		name = "SYSTEM"
	case sidAdministrators:
		name = "Administrators"
	}
	if name == "" {
		return sid
	}
	return name + ", " + sid
}

// check is the rule for what the list is about. Administrators and the system may own a private file, too: what is
// made by a process with an administrator's rights is theirs, and they can read everything anyway.
func (l *accessList) check(r rule) error {
	mask := uint32(0)
	switch r.kind {
	case OthersMayUse:
		mask = ^uint32(0)
	case OthersMayWrite:
		mask = aclChange
	}
	return l.checkFor(r, mask)
}

// checkSystemDir is the rule for the directory of a system file. Every user may make files in those below %ProgramData%, which are
// then their own.
func (l *accessList) checkSystemDir() error { return l.checkFor(system, aclReplace) }

// checkFor is check with the rights that none but the owner and the system may have.
func (l *accessList) checkFor(r rule, mask uint32) error {
	if l.err != nil {
		return refuse(OwnerUnknown, "owner unknown: its access list cannot be read: "+l.err.Error())
	}
	switch {
	case r.rootOnly && !isSystem(l.owner):
		return refuse(OtherOwner, "belongs to "+nameOf(l.owner)+", to neither the administrators nor the system")
	case !r.rootOnly && l.owner != l.user && !isSystem(l.owner):
		return refuse(OtherOwner, "belongs to "+nameOf(l.owner)+", not to you ("+l.user+")")
	}
	return l.refuse(r.kind, r.text, mask, func(sid string) bool {
		return isSystem(sid) || sid == sidCreatorOwner || sid == sidOwnerRights || sid == l.user && !r.rootOnly
	})
}

// checkNotEveryones refuses what every user of the machine may do.
func (l *accessList) checkNotEveryones(text string, mask uint32) error {
	if l.err != nil {
		return nil // it is read for its content all the same
	}
	return l.refuse(OthersMayWrite, text, mask, func(sid string) bool { return !isEveryone(sid) })
}

// refuse refuses a list that gives one of the rights to anyone who is not fine.
func (l *accessList) refuse(kind Kind, text string, mask uint32, fine func(sid string) bool) error {
	if mask == 0 {
		return nil
	}
	if l.none {
		return &Refusal{kind, text + " (it has no access list)", nil}
	}
	var others []string
	for _, e := range l.entries {
		switch e.kind {
		case aceDenied, aceDeniedObject, aceDeniedCallback, aceDeniedCallbackO:
			continue
		case aceAllowed, aceAllowedCallback:
			if e.mask&mask == 0 || fine(e.sid) {
				continue
			}
		default: // which files do not have
			return &Refusal{kind, text + " (its access list has an entry of an unknown kind)", nil}
		}
		others = append(others, e.sid)
	}
	if others == nil {
		return nil
	}
	return &Refusal{kind, text + " (" + nameOf(others[0]) + ")", others}
}
