package main

import (
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// handouts logs what an endpoint hands out.
type handouts struct {
	log  audit.Config
	plan *servePlan
	warn func(error)

	mu         sync.Mutex
	identities map[string]string // by access key id
	said       time.Time
}

// audited lets what the endpoint hands out be logged, where there is a log.
func (e *endpoint) audited(s *servePlan, c *imds.Config) {
	a, err := settings.LoadAudit(e.env)
	if err != nil || a == (request.Audit{}) {
		return // a mistake was reported when the settings were read
	}
	h := &handouts{log: audit.Config(a), plan: s, identities: map[string]string{},
		warn: func(err error) { e.log.Warn("an audit line was not written", "error", err) }}
	c.Given = h.given
}

func (h *handouts) given(o imds.Handout) {
	l := audit.Line{Way: audit.Container, Profile: o.Profile, AccessKeyID: o.Credentials.AccessKeyID, Expires: o.Credentials.Expires, UID: int(o.UID)}
	if o.Pod != nil {
		l.Pod = o.Pod.String()
	}
	if o.IMDS {
		l.Way = audit.IMDS
	}
	h.mu.Lock()
	identity, known := h.identities[l.AccessKeyID]
	if !known {
		if len(h.identities) > 1000 {
			clear(h.identities)
		}
		identity = h.identity(o.Profile, l.AccessKeyID)
		h.identities[l.AccessKeyID] = identity
	}
	h.mu.Unlock()
	l.Identity = identity
	if err := h.log.Write(l); err != nil {
		h.mu.Lock()
		again := time.Since(h.said) > time.Minute
		if again {
			h.said = time.Now()
		}
		h.mu.Unlock()
		if again {
			h.warn(err)
		}
	}
}

// identity is who the token is: as its record says, else the role that was asked for.
func (h *handouts) identity(profile, accessKeyID string) string {
	for i, p := range h.plan.profiles {
		if p.Name != profile {
			continue
		}
		prov := h.plan.providers[i]
		if c, err := prov.Cache(); err == nil && c != nil {
			if r, err := c.Load(prov.Key()); err == nil && r.Token.Credentials.AccessKeyID == accessKeyID {
				return identityOf(r.Token)
			}
		}
		return p.RoleARN
	}
	return ""
}
