// Package dist holds the distributions from which a simulated network draws: how
// long a datagram is under way ([Time]), and which datagrams are lost together
// ([GilbertElliott]). They are plain values and hold no randomness of their own.
//
// A Time is drawn by its quantile function from one uniform number. So a draw
// takes one step of the generator whatever the distribution is, and where only
// the parameters change, the same datagrams are the slow ones.
//
// All values are the same on every machine: the functions of package math that are
// in assembly on some, and products that some fuse with a sum, are avoided.
package dist
