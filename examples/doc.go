// Package examples holds small programs that show how the library is used, and
// the test that keeps the README's copies of them true.
package examples
