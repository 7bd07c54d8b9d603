package safefile

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

const (
	aclUser  = "S-1-5-21-1-2-3-1001"
	aclOther = "S-1-5-21-1-2-3-1002"
	// Of the domain that a machine is in.
	aclDomain = "S-1-5-21-4-5-6-"
)

// parseSDDL reads as much of the security descriptor definition language as the tables below have: the owner, and
// entries with rights as words or in hexadecimal. "D:NO_ACCESS_CONTROL" is no list.
func parseSDDL(t *testing.T, text string) *accessList {
	t.Helper()
	sids := map[string]string{"ME": aclUser, "OTHER": aclOther, "WD": sidEveryone, "AU": sidAuthenticated, "BU": sidUsers, "BG": sidGuests, "BA": sidAdministrators,
		"SY": sidSystem, "CO": sidCreatorOwner, "OW": sidOwnerRights, "AN": sidAnonymous, "IU": sidInteractive, "NU": sidNetwork, "TI": sidInstaller,
		"DA": aclDomain + "512", "EA": aclDomain + "519", "LA": aclDomain + "500", "DU": aclDomain + "513", "DC": aclDomain + "515"}
	rights := map[string]uint32{"FA": 0x1f01ff, "FR": 0x120089, "FX": 0x1200a0, "FW": 0x120116, "M": 0x1301bf, "GA": aclAll, "GW": aclWrite, "SD": aclDelete, "WD": aclWriteDAC, "WO": aclWriteOwner, "DC": aclDeleteChild, "LC": aclAppendData, "RC": 0x20000}
	kinds := map[string]byte{"A": aceAllowed, "D": aceDenied, "OA": 5, "OD": aceDeniedObject, "XA": aceAllowedCallback, "XD": aceDeniedCallback, "COMPOUND": 4}
	owner, list, ok := strings.Cut(strings.TrimPrefix(text, "O:"), "D:")
	if !ok || sids[owner] == "" {
		t.Fatalf("%s", text)
	}
	l := &accessList{user: aclUser, owner: sids[owner], none: list == "NO_ACCESS_CONTROL"}
	if l.none {
		return l
	}
	start := strings.IndexByte(list+"(", '(')
	for e := range strings.SplitSeq(strings.Trim(list[start:], "()"), ")(") {
		if e == "" {
			continue
		}
		f := strings.Split(e, ";")
		mask, ok := rights[f[2]]
		if n, err := strconv.ParseUint(f[2], 0, 32); !ok && err == nil {
			mask, ok = uint32(n), true
		}
		kind, known := kinds[f[0]]
		if !ok || !known || sids[f[5]] == "" {
			t.Fatalf("%s: %s", text, e)
		}
		l.entries = append(l.entries, accessEntry{kind, mask, sids[f[5]]})
	}
	return l
}

// What each list means for a private, a trusted and a system file, and for one that only must not be everyone's.
func TestAccessLists(t *testing.T) {
	const own = "(A;OICI;FA;;;ME)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	for _, tt := range []struct {
		sddl                               string
		private, trusted, system, everyone Kind
		text                               string // of the private rule
	}{
		{sddl: "O:MED:P" + own, system: OtherOwner},
		{sddl: "O:BAD:P" + own, system: OthersMayWrite},
		{sddl: "O:SYD:P" + own, system: OthersMayWrite},
		{sddl: "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)"},
		{sddl: "O:TID:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;TI)"},
		{sddl: "O:MED:P", system: OtherOwner}, // a list without entries lets no one in, and the owner may change it
		{sddl: "O:MED:" + own + "(A;OICIIO;GA;;;CO)(A;;RC;;;OW)", system: OtherOwner},
		{sddl: "O:OTHERD:P" + own, private: OtherOwner, trusted: OtherOwner, system: OtherOwner, text: "belongs to " + aclOther + ", not to you (" + aclUser + ")"},
		{sddl: "O:BUD:P" + own, private: OtherOwner, trusted: OtherOwner, system: OtherOwner, text: "belongs to Users, S-1-5-32-545, not to you"},
		{sddl: "O:MED:NO_ACCESS_CONTROL", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (it has no access list)"},
		// Who may read.
		{sddl: "O:MED:" + own + "(A;;FR;;;BU)", private: OthersMayUse, system: OtherOwner, text: "others may use it (Users, S-1-5-32-545)"},
		{sddl: "O:MED:" + own + "(A;;FX;;;WD)", private: OthersMayUse, system: OtherOwner, text: "others may use it (Everyone, S-1-1-0)"},
		{sddl: "O:MED:" + own + "(A;OICIIO;FR;;;AU)", private: OthersMayUse, system: OtherOwner, text: "others may use it (Authenticated Users, S-1-5-11)"}, // the files in it
		{sddl: "O:MED:" + own + "(A;;RC;;;OTHER)", private: OthersMayUse, system: OtherOwner, text: "others may use it (" + aclOther + ")"},
		{sddl: "O:MED:" + own + "(XA;;FR;;;BU)", private: OthersMayUse, system: OtherOwner, text: "others may use it (Users"},
		{sddl: "O:MED:" + own + "(OA;;FR;;;BU)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (its access list has an entry of an unknown kind)"},
		{sddl: "O:MED:" + own + "(COMPOUND;;FR;;;BU)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (its access list has an entry of an unknown kind)"},
		// What is denied takes nothing from the rule.
		{sddl: "O:MED:(D;;FA;;;BG)(OD;;FA;;;BG)(XD;;FA;;;WD)" + own, system: OtherOwner},
		// Who may write: each right that lets one, and no other.
		{sddl: "O:MED:" + own + "(A;;M;;;AU)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Authenticated Users"},
		{sddl: "O:MED:" + own + "(A;;FW;;;OTHER)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, text: "others may use it (" + aclOther},
		{sddl: "O:MED:" + own + "(A;;FA;;;IU)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (INTERACTIVE"},
		{sddl: "O:MED:" + own + "(A;;GW;;;NU)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (NETWORK"},
		{sddl: "O:MED:" + own + "(A;;GA;;;AN)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (ANONYMOUS LOGON"},
		{sddl: "O:MED:" + own + "(A;;SD;;;BG)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Guests"},
		{sddl: "O:MED:" + own + "(A;;WD;;;WD)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Everyone"},
		{sddl: "O:MED:" + own + "(A;;WO;;;WD)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Everyone"},
		{sddl: "O:MED:" + own + "(A;;DC;;;WD)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Everyone"},
		{sddl: "O:MED:" + own + "(A;;LC;;;WD)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Everyone"},
		{sddl: "O:MED:" + own + "(A;;0x1200a9;;;WD)", private: OthersMayUse, system: OtherOwner, text: "others may use it (Everyone"},
		// A home directory on a company's file server: who administers the domain administers its machines.
		{sddl: "O:MED:" + own + "(A;OICI;FA;;;DA)(A;OICI;FA;;;EA)", system: OtherOwner},
		{sddl: "O:DAD:" + own + "(A;OICI;FA;;;LA)", system: OthersMayWrite},
		{sddl: "O:LAD:(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;DA)"},
		{sddl: "O:MED:" + own + "(A;;M;;;DU)", private: OthersMayUse, trusted: OthersMayWrite, system: OtherOwner, everyone: OthersMayWrite, text: "others may use it (Domain Users, S-1-5-21-4-5-6-513)"},
		// The machine's own.
		{sddl: "O:BAD:(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;BU)", private: OthersMayUse, text: "others may use it (Users"},
		{sddl: "O:BAD:(A;;FA;;;SY)(A;;FA;;;BA)(A;;M;;;BU)", private: OthersMayUse, trusted: OthersMayWrite, system: OthersMayWrite, everyone: OthersMayWrite, text: "others may use it (Users"},
	} {
		l := parseSDDL(t, tt.sddl)
		if err := l.check(private); KindOf(err) != tt.private || err != nil && !strings.HasPrefix(err.Error(), tt.text) {
			t.Errorf("private %s: %v, kind %d", tt.sddl, err, KindOf(err))
		}
		if err := l.check(trusted); KindOf(err) != tt.trusted {
			t.Errorf("trusted %s: %v, kind %d", tt.sddl, err, KindOf(err))
		}
		if err := l.check(system); KindOf(err) != tt.system {
			t.Errorf("system %s: %v, kind %d", tt.sddl, err, KindOf(err))
		}
		if err := l.checkNotEveryones(everyonesFile, aclChange); KindOf(err) != tt.everyone {
			t.Errorf("everyone %s: %v, kind %d", tt.sddl, err, KindOf(err))
		}
		if err := l.check(rule{oneName: true}); (err == nil) != (l.owner == aclUser || isSystem(l.owner)) {
			t.Errorf("to be replaced %s: %v", tt.sddl, err)
		}
	}
	// A directory in which every user may make files, as below %ProgramData%, has files of its own that are safe.
	l := parseSDDL(t, "O:BAD:(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;CI;0x116;;;BU)")
	if err := l.checkNotEveryones(everyonesDirectory, aclReplace); err != nil {
		t.Error(err)
	}
	unknown := &accessList{err: errors.New("it is on a moon")}
	if err := unknown.check(private); KindOf(err) != OwnerUnknown || !strings.Contains(err.Error(), "moon") {
		t.Error(err)
	}
}

// The directory of a system file is one in which others may make files, as Windows gives every one below %ProgramData%, and no more:
// who could remove the file, or move the directory away, could do without what it says.
func TestDirectoryOfASystemFile(t *testing.T) {
	const windows = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;0x116;;;BU)"
	for list, want := range map[string]Kind{
		"O:BAD:" + windows: 0, "O:SYD:" + windows: 0, "O:TID:" + windows: 0,
		"O:MED:" + windows: OtherOwner, "O:OTHERD:" + windows: OtherOwner,
		"O:BAD:" + windows + "(A;;DC;;;BU)": OthersMayWrite, "O:BAD:" + windows + "(A;;SD;;;OTHER)": OthersMayWrite, "O:BAD:" + windows + "(A;CI;M;;;BU)": OthersMayWrite,
		"O:BAD:" + windows + "(A;;WD;;;IU)": OthersMayWrite, "O:BAD:" + windows + "(A;;WO;;;AU)": OthersMayWrite, "O:BAD:" + windows + "(A;;GA;;;ME)": OthersMayWrite,
		"O:BAD:" + windows + "(A;;FA;;;OW)": 0, "O:BAD:NO_ACCESS_CONTROL": OthersMayWrite, "O:BAD:" + windows + "(OA;;FR;;;BU)": OthersMayWrite,
	} {
		if err := parseSDDL(t, list).checkSystemDir(); KindOf(err) != want {
			t.Errorf("%s: %v", list, err)
		}
	}
}

// Groups that stand for every user of a machine or domain, whatever way they came, are everyone; others, as on Unix, are their
// owner's business.
func TestEveryone(t *testing.T) {
	const domain = "S-1-5-21-1004336348-1177238915-682003330-"
	for sid, want := range map[string]bool{
		"S-1-1-0": true, "S-1-5-7": true, "S-1-5-11": true, "S-1-5-32-545": true, "S-1-5-32-546": true,
		// by how they are logged on
		"S-1-2-0": true, "S-1-2-1": true, "S-1-5-1": true, "S-1-5-2": true, "S-1-5-3": true, "S-1-5-4": true, "S-1-5-6": true, "S-1-5-13": true, "S-1-5-14": true,
		"S-1-5-15": true, "S-1-5-113": true, "S-1-18-1": true, "S-1-18-2": true, "S-1-5-64-10": true, "S-1-5-64-14": true, "S-1-5-64-21": true,
		// all of a domain, and of trusted ones
		domain + "513": true, domain + "514": true, domain + "515": true, "S-1-5-32-554": true, "S-1-5-1000": true,
		// some users
		domain + "512": false, domain + "1513": false, domain + "500": false, "S-1-5-32-547": false, "S-1-5-32-555": false, "S-1-5-18": false, "S-1-5-19": false,
		"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464": false, "S-1-15-2-1": false, "S-1-3-0": false, "S-1-3-4": false, "S-1-5-10": false, "": false,
	} {
		if isEveryone(sid) != want {
			t.Errorf("%s: everyone %v", sid, !want)
		}
	}
}

// Whom a refusal names, the command that mends it takes out.
func TestOthersOfAnAccessList(t *testing.T) {
	l := parseSDDL(t, "O:MED:(A;;FA;;;ME)(A;;FR;;;BU)(A;;FR;;;OTHER)")
	r, ok := errors.AsType[*Refusal](l.check(private))
	if !ok || strings.Join(r.others, " ") != sidUsers+" "+aclOther {
		t.Errorf("%+v", r)
	}
}
