package broker

import (
	"errors"
	"fmt"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// errNoCache is matched by the warning of an answer that was not, and could not be, kept
// anywhere.
var errNoCache = errors.New("there is no cache")

// OpenCache opens the cache in the directory named, "" for the user's own one, with
// [settings.SpareDir] behind it.
func OpenCache(named string, env settings.Environment) (*cache.Cache, error) {
	spare := func() string { return settings.SpareDir(env.Getenv) }
	dir, err := settings.CacheDir(named, env)
	if err == nil {
		return cache.OpenWithSpare(dir, spare)
	}
	if c := cache.OpenSpare(spare(), err); c != nil {
		return c, nil
	}
	return nil, err
}

// CacheProblem is what a user should know about where credentials are kept, "" where all is well. It
// tries whether something can be.
func CacheProblem(c *cache.Cache) string {
	if err := c.CheckWritable(); err != nil {
		return display.Safe(fmt.Sprintf("nothing can be kept in %s, so every call that finds no credentials asks AWS: %v", c.Path(), err))
	}
	for _, why := range elsewhere(c) {
		return display.Safe(why.Error())
	}
	return ""
}

// elsewhere says that a new token is kept in the spare directory.
func elsewhere(c *cache.Cache) []error {
	dir, why := c.Spare()
	if why == nil {
		return nil
	}
	return []error{fmt.Errorf("the cache cannot be used (%w); credentials are kept in %s meanwhile", why, dir)}
}

// canKeep fails where the product of a login would be lost.
func (p *Provider) canKeep() error {
	c, err := p.Cache()
	if c != nil {
		err = c.CheckWritable()
	}
	if err == nil {
		return nil
	}
	return cannotKeep(err)
}

func cannotKeep(err error) error {
	return failure.Configf("a login is of no use here, since its credentials cannot be kept: %s", display.Safe(err.Error())).
		Do("make room there, name a directory of yours with --cache-dir, or set XDG_RUNTIME_DIR")
}
