package protocol

import "math"

// asked is what is known of one round, or of one part of it: how many were known
// before, which share of the others was asked, over which time their answers were
// spread, and how many have come.
type asked struct {
	known  int
	share  float64
	window float64 // seconds
	heard  int
}

// estimate is what the rounds so far say.
type estimate struct {
	missing float64 // nodes that have not answered: their mean number,
	answers float64 // those of them whose answers do not get lost, but for those that collide: their mean number,
	high    float64 // and the number that is exceeded with a probability of 5 %
	crowd   float64 // missing nodes × time that an answer occupies, in seconds: likely not more
	none    float64 // the probability that nobody is missing
	reach   float64 // the mean share of answers that do not get lost, but for those that collide
}

// What may be: missing nodes in steps of a quarter, answers that take so many
// seconds of a shared medium, shares of answers that get lost whatever the load.
const (
	maxMissing   = 1 << 20
	missingSteps = 112
	highSteps    = 16 // to an octave
	negligible   = 40 // that much less likely, as a logarithm
	guessRounds  = 8  // older ones are forgotten
	priorSize    = 0.5
	priorStep    = 0.25 // a step, as a logarithm, that counts in full
	crowdLikely  = 0.7
	lostRequests = 0.05
)

var (
	guessAirtimes = [...]float64{0, 40e-6, 100e-6, 250e-6, 600e-6, 1.5e-3, 3e-3, 6e-3}
	guessReach    = [...]float64{1, 0.85, 0.6}
	// How likely these are before anything is known, as logarithms.
	priorAirtimes = [...]float64{0, -4.5, -4.5, -4, -3, -2, -2, -2.5}
	priorReach    = [...]float64{0, -1.5, -2.5}
)

// estimateMissing weighs, for everything that may be, how likely what has been
// heard is: of n nodes that answer within a window w, when answers that overlap
// destroy each other and each occupies the medium for τ, about n·exp(-2τn/w) are
// heard (pure ALOHA).
func estimateMissing(rounds []asked, known int) estimate {
	if len(rounds) > guessRounds {
		rounds = rounds[len(rounds)-guessRounds:]
	}
	const cells = missingSteps * len(guessAirtimes) * len(guessReach)
	var logs [cells]float64
	var counts [missingSteps]float64
	best := math.Inf(-1)
	at := 0
	for m := range counts {
		n, prior := 0.0, 1.0 // that nobody is missing is more than one of many numbers
		if m > 0 {
			n = math.Round(math.Exp2(float64(m-1) * 20 / (missingSteps - 2))) // 1 to 2^20
			n = max(n, counts[m-1]+1)
			prior = math.Log(min(math.Log(n/counts[m-1])/priorStep, 1)) - priorSize*math.Log(n) // small networks are many
		}
		counts[m] = n
		for i, tau := range guessAirtimes {
			for j, reach := range guessReach {
				l := prior + priorAirtimes[i] + priorReach[j]
				for k := range rounds {
					if l < best-negligible {
						break // it only falls
					}
					l += rounds[k].likelihood(n+float64(known-rounds[k].known), tau, reach)
				}
				logs[at] = l
				best = max(best, l)
				at++
			}
		}
	}
	var e estimate
	var sum float64
	var byAnswers [highSteps * 22]float64
	var byCrowd [4 * 64]float64 // four to an octave
	at = 0
	for m, n := range counts {
		for _, tau := range guessAirtimes {
			for _, reach := range guessReach {
				w := math.Exp(logs[at] - best)
				at++
				sum += w
				e.missing += w * n
				e.answers += w * n * reach
				byAnswers[answersBucket(n*reach)] += w
				if m == 0 {
					e.none += w
				}
				byCrowd[crowdBucket(n*tau)] += w
				e.reach += w * reach
			}
		}
	}
	e.missing /= sum
	e.reach /= sum
	e.answers /= sum
	e.none /= sum
	for i, below := 0, 0.0; i < len(byCrowd); i++ {
		if below += byCrowd[i]; below >= crowdLikely*sum {
			if i > 0 {
				e.crowd = math.Ldexp(1+float64(i%4)/4, i/4-32)
			}
			break
		}
	}
	tail := 0.05 * sum
	for i := len(byAnswers) - 1; i > 0; i-- {
		if tail -= byAnswers[i]; tail < 0 {
			e.high = math.Exp2((float64(i)+0.5)/highSteps) - 1
			break
		}
	}
	return e
}

// answersBucket returns the number of the bucket for so many answers; that of 0 is 0.
func answersBucket(n float64) int {
	return min(int(math.Log2(1+n)*highSteps), highSteps*22-1)
}

// crowdBucket returns the number of the bucket for a time in seconds; that of 0 is
// 0.
func crowdBucket(v float64) int {
	if v <= 0 {
		return 0
	}
	frac, exp := math.Frexp(v) // 0.5 ≤ frac < 1
	return min(max(4*(exp-1+32)+int((2*frac-1)*4), 1), 4*64-1)
}

// likelihood is the logarithm of the probability, but for a constant, that so many
// were heard when n were missing. It is kept from being too sure: what is far off
// the model is not impossible.
func (a *asked) likelihood(n, tau, reach float64) float64 {
	n = max(n, 0) * a.share
	expected := 0.05
	if n > 0 {
		expected += n * reach * math.Exp(-2*tau*n/a.window)
	}
	heard := float64(a.heard)
	l := heard*math.Log(expected) - expected
	if a.heard == 0 {
		// The request itself may have been lost.
		return math.Log((1-lostRequests)*math.Exp(l) + lostRequests)
	}
	// At most 0. Counts of thousands would be sure to a few per mille; models are not.
	return (l - heard*math.Log(heard) + heard) / (1 + heard/200)
}
