package imds

import "time"

// Reload replaces the configuration under running listeners, which stay. Credentials are fetched for the
// new one first, for up to its FetchTimeout, and the old one answers meanwhile; profiles whose Name and
// (set) Identity stay the same keep their credentials if that fails. If c is not valid, the old
// configuration stays. Session tokens stay good if the key and the profile's Identity do. The aliases,
// peer check and connection limits hold for connections that come after; the logger of net/http's own
// messages and DrainTimeout stay what they were.
func (s *Server) Reload(c Config) error {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	s.mu.Lock()
	// What is handed over must not be forgotten in between.
	st, err := newServingState(c, s.state.Load())
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if s.base == nil {
		s.state.Store(st)
		s.mu.Unlock()
		return nil
	}
	base, stop := s.base, st.begin(s.base)
	s.next = st
	s.mu.Unlock()

	st.wait(base)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopOld()
	s.stopOld = stop
	s.next = nil
	s.state.Store(st)
	return nil
}

// handOver gives rf the credentials of the old refresher of the same identity, so that a fetch that fails
// now takes nothing away.
func (s *servingState) handOver(rf *refresher) {
	for _, o := range s.refreshers {
		snap := o.cur.Load()
		if o.p.Name != rf.p.Name || o.p.Identity != rf.p.Identity || snap == nil {
			continue
		}
		if made, err := newSnapshot(&rf.p, rf.in, snap.creds, time.Now()); err == nil {
			made.window = snap.window
			rf.cur.Store(made)
		}
	}
}

// named calls do with the refreshers of a profile: the one that answers, and the one that will. It reports
// whether there is any.
func (s *Server) named(name string, do func(*refresher)) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range []*servingState{s.state.Load(), s.next} {
		if st == nil {
			continue
		}
		for _, rf := range st.refreshers {
			if rf.p.Name == name {
				do(rf)
				found = true
			}
		}
	}
	return found
}

// Refresh asks the provider of one profile at once, whatever life its credentials have left. It does not
// wait. It reports whether there is such a profile.
func (s *Server) Refresh(name string) bool {
	return s.named(name, func(rf *refresher) { rf.startFetch(true) })
}

// Forget drops the credentials of one profile, because the user has logged out, and asks its provider anew.
// What a fetch gives that began before is dropped too, also by a [Server.Reload] that is under way. It does
// not wait. It reports whether there is such a profile.
func (s *Server) Forget(name string) bool {
	return s.named(name, (*refresher).forget)
}
