package awsconfig

import "testing"

// Whatever is in the files, and whatever profile is looked for, it is found or not.
func FuzzFind(f *testing.F) {
	for _, s := range [][3]string{
		// The credentials file has no profile of that name: its headers have no word before the name.
		{"[profile PROFILE dev]\nregion = eu-west-1\n", "[profile dev]\naws_access_key_id = A\naws_secret_access_key = b\n", "PROFILE dev"},
		{"[default]\n[profile Dev]\nservices = s\n[services s]\nsts =\n  endpoint_url = x\n", "[dev]\naws_access_key_id = A\n", "dev"},
		{"[profile \"a b\"]\n\ufeff[profile a]\nprofile a\n", "[a b]\n[DEFAULT]\n", "a b"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, config, credentials, name string) {
		files := &Files{Config: File{Path: "/config", Data: []byte(config)}, Credentials: File{Path: "/credentials", Data: []byte(credentials)}}
		p, alike := files.Find(name)
		if p != nil && p.Name != name || alike != nil && (alike.Where == "" || alike.What == "") {
			t.Errorf("%+v, %+v", p, alike)
		}
		files.OtherLooksLike(SSOSession, name)
		files.Other(Services, name)
		for _, n := range append(files.ProfileNames(), files.ProfilesRunning(func(string) bool { return true })...) {
			files.Find(n)
		}
	})
}
