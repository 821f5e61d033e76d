// Package browser tests the pages of package page in Chromium. It is a module of
// its own, so that what drives the browser is no dependency of anything else.
package browser
