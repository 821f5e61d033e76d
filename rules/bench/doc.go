// Package bench compares the rules of package rules with the expressions of
// expr-lang/expr and google/cel-go, in speed and in meaning. It is a module of
// its own, so that the library does not depend on them.
//
//	go test -bench . -benchmem
package bench
